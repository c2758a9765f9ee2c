"""A round of a soak: a random command with random options meets random faults, perhaps a signal; the oracle looks at what has
become of it; and without faults one run makes all whole, and the next writes nothing. All of it follows from the seed."""

import json
import random
import signal

import draw
import places
from judge import Judge
from mix import Mix
from row import CLASSES, COPY, PARTIAL, TREE, Row
from stage import Stage
from support import oracle, process
from support.recompress import RecompressCase

TIME = 600  # seconds for a run: a hundred hangs, some of which cost five stalls
ROW = Row(0, "a round of a soak", "NEW", max_requests=3000, max_seconds=TIME)
BATCH = "copy --batch"
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
# 1 s would be short for a machine that is busy.
STALL = ("--stall-timeout", "2s")


class SoakStage(Stage):
    """What is copied, and where to, are the round's."""

    named_places = ()

    def places(self):
        return self.named_places

    def heal(self):
        for side in ("source", "destination"):
            getattr(self, side).rules.clear()


class SoakJudge(Judge):
    """The oracle of a round."""

    def __init__(self, case, stage):
        super().__init__(case, stage, ROW)

    def outcome(self, result, signalled=None):
        """"NEW" where all is done. The exit code is a class of one of the faults that were dealt, or the signal's."""
        allowed = self.case.mix.classes()
        codes = {CLASSES[name][0] for name in allowed} | ({128 + signalled} if signalled else set())
        if result.exit_code == PARTIAL:
            failed = {error for _, _, error in self.case.told(result) if error}
            names = {CLASSES[name][1] for name in allowed} | ({"cancelled"} if signalled else set())
            self.case.assertLessEqual(failed, names, result)
            self.case.assertTrue(failed, result)
        else:
            self.case.assertIn(result.exit_code, codes, f"{self.case.mix.dealt}\n{result}")
        return "NEW" if result.exit_code == 0 else ""

    def destination(self, outcome):
        for entry in self.case.entries:
            found = entry.digest()
            new = outcome == "NEW" or entry.name in self.case.promised
            may = {entry.wanted} if new else {entry.old and entry.old.digest, entry.wanted}
            self.case.assertIn(found, may, f"{entry.place.reference(*entry.name)}, {'new' if new else 'old or new'}")
            if new and isinstance(entry.place, places.InRegistry):
                for image in entry.referrers:
                    oracle.verify_scripted(self.stage.destination, entry.repository, image.digest)
        self.whole()

    def sessions(self):
        self.case.mix.forget_unheard(self.stage.destination)
        super().sessions()


class Round(RecompressCase):
    """`keep(round)` is called where it fails, before its files are removed."""

    def __init__(self, seed, keep=lambda failed: None):
        super().__init__("attempt")
        self.seed, self.keep = seed, keep
        self.words = "nothing yet"
        self.results = []

    def attempt(self):
        try:
            self.perform()
        except BaseException:
            self.keep(self)
            raise

    def perform(self):
        self.generator = generator = random.Random(f"round {self.seed}")
        self.promised = set()
        kind, where = generator.choice(JOBS)
        self.kind = kind
        self.stage = SoakStage(self, TREE if kind == TREE else COPY)
        self.judge_of_all = self.stage.judge = SoakJudge(self, self.stage)
        draw.behaviours(generator, self.stage)
        self.recompress = draw.recompression(generator)
        self.options = [*STALL, *draw.options(self, kind, where)]
        self.entries = draw.entries(self, kind, where)
        self.prepare()
        self.mix = draw.mix(generator, self.seed, self.stage)
        number = generator.choice(SIGNALS) if generator.random() < 0.25 else None
        self.words = f"{kind} {where}, {len(self.entries)} tags, {self.mix.rate:.0%} of {', '.join(self.mix.kinds)}" + (
            f", {signal.Signals(number).name}" if number else "")
        self.disturbed(number)
        self.converges(number)

    # --- before

    def prepare(self):
        """The source has the old images where only a run can bring them, then the new ones."""
        source = self.stage.source
        source.repositories.clear()
        self.stage.destination.repositories.clear()
        by_run = [entry for entry in self.entries if entry.old and isinstance(entry.place, places.InTree)]
        for entry in self.entries:
            if entry.old and entry not in by_run:
                entry.place.put(entry.old, *entry.name)
        self.stage.named_places = self.named_places()
        if by_run:
            for entry in by_run:
                source.load(entry.old, *entry.name)
            self.expect(self.run_command(options=[]), 0)
        for entry in self.entries:
            source.load(entry.new, *entry.name)
            for image in entry.referrers:
                source.load(image, entry.repository)
            entry.wanted = entry.new.digest
        if self.recompress:
            self.recompressed()
        self.stage.source.journal.clear()
        self.stage.destination.journal.clear()

    def recompressed(self):
        """What a run without faults makes of each image, judged by what it unpacks to."""
        directory = self.directory / "reference"
        setting = self.recompress[1]
        for number, entry in enumerate(self.entries):
            self.expect(self.program.run("copy", "--progress", "none", *self.recompress, self.source_name(entry),
                                         f"oci:{directory}:{number}"), 0)
            top = oracle.layout_entry(directory, str(number))
            entry.wanted = oracle.verify_layout(directory, str(number)).digest

            def read(digest):
                return (directory / "blobs" / digest.replace(":", "/", 1)).read_bytes()

            def manifest(digest):
                data = read(digest)
                return json.loads(data)["mediaType"], data

            self.judge(top["mediaType"], json.loads(read(top["digest"])), entry.new, entry.new.digest, manifest, read,
                       "zstd", setting)
        self.options += self.recompress

    def source_name(self, entry):
        return f"docker://{self.stage.source.host}/{entry.repository}:{entry.tag}"

    def named_places(self):
        if self.kind == TREE:
            place = self.entries[0].place
            return self.stage.source.host, (self.stage.destination.host if isinstance(place, places.InRegistry)
                                            else f"oci-tree:{place.directory}")
        if self.kind == COPY:
            return self.source_name(self.entries[0]), self.entries[0].place.reference(*self.entries[0].name)
        path = self.directory / "batch.jsonl"
        path.write_text("".join(json.dumps({"id": number, "source": self.source_name(entry),
                                            "destination": entry.place.reference(*entry.name)}) + "\n"
                                for number, entry in enumerate(self.entries)))
        return "--batch", path

    # --- runs

    def run_command(self, options=None):
        result = self.stage.run(self.options if options is None else options, timeout=TIME)
        self.results.append(result)
        return result

    def expect(self, result, code):
        self.assertEqual(result.exit_code, code, result)

    def disturbed(self, number):
        """The run with the faults, and perhaps a signal as a request comes."""
        result = self.signalled(number) if number else self.run_command()
        self.mix.stop()
        killed = result.exit_code == 128 + signal.SIGKILL
        self.promised = {name for name, done, _ in self.told(result) if done}
        outcome = self.judge_of_all.outcome(result, number)
        if killed:
            self.settle()
            self.judge_of_all.destination(outcome)
            self.judge_of_all.secrets(result)
        else:
            if number:
                self.forget_unused_sessions()
            self.judge_of_all.after(result, outcome)
            self.assertEqual(self.strange_files(), [], result)

    def signalled(self, number):
        running = []

        def send():
            process.wait_until(lambda: running, what="the process id")
            running[0].send_signal(number)

        self.mix.at(self.generator.randrange(1, 40 * len(self.entries)), send)
        running.append(self.stage.program.start(*self.stage.arguments(self.options), env=self.stage.env))
        result = running[0].wait(TIME)
        result.requests = 0
        self.results.append(result)
        return result

    def settle(self):
        """Nobody could cancel what a killed run had begun; its files are swept by the next one."""
        process.wait_until(lambda: not self.stage.destination.server.open_connections, what="the end of its connections")
        if "--checkpoint" not in self.options:
            self.stage.destination.uploads.clear()
        else:  # some will go on, of others nobody knows
            self.mix.unheard += self.stage.destination.uploads

    def forget_unused_sessions(self):
        """Those whose answer came when the run was being stopped: no later request names them."""
        used = " ".join(request.target for request in self.stage.destination.requests())
        self.mix.unheard += [name for name in self.stage.destination.uploads if name not in used]

    def converges(self, number):
        """A run without faults makes all whole and sweeps up; a second one moves no blob and writes nothing."""
        self.stage.heal()
        for second in (False, True):
            before, since = self.state(), [len(self.stage.source.journal), len(self.stage.destination.journal)]
            result = self.run_command()
            self.expect(result, 0)
            self.judge_of_all.after(result, "NEW")
            self.assertEqual(self.strange_files(), [], result)
            if second:
                self.assertEqual(self.state(), before, f"the second run wrote\n{result}")
                read = [registry.requests("GET", "/blobs/", since=mark)
                        for registry, mark in zip((self.stage.source, self.stage.destination), since)]
                self.assertEqual([request.path for requests in read for request in requests], [], result)

    # --- what there is to see

    def state(self):
        return [place.state() for place in self.all_places()]

    def strange_files(self):
        return [name for place in self.all_places() for name in place.strange_files()]

    def all_places(self):
        return list({id(entry.place): entry.place for entry in self.entries}.values())

    def told(self, result):
        """((repository, tag), whether it is said to be done, error class) of each image that the output tells of."""
        if self.kind == COPY:
            return [(self.entries[0].name, result.exit_code == 0, None)]
        if self.kind == TREE:
            references = json.loads(result.stdout or "{}").get("references", [])  # none where nothing began
            return [((each["source_repository"], each["tag"]), each["outcome"] in ("copied", "equal"), each["error_class"])
                    for each in references]
        # Of a run that was killed the last line may be cut short.
        lines = [json.loads(line) for line in result.stdout.splitlines(keepends=True) if line.endswith("\n")]
        return [(self.entries[line["id"]].name, line["status"] in ("copied", "unchanged"), (line.get("error") or {}).get("class"))
                for line in lines]


JOBS = [
    *[(COPY, where) for where in ("registry", "registry", "registry", "layouts", "archives")],
    *[(TREE, where) for where in ("registry", "registry", "tree")],
    *[(BATCH, where) for where in ("mixed", "mixed")],
]
