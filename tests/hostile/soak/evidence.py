"""What is kept of a run that failed."""

import shutil
import traceback


class Evidence:
    """Below `directory`, which is made when there is something to keep."""

    def __init__(self, directory):
        self.directory = directory.absolute()

    def keep(self, name, case, text):
        """The text, all files of the case, and the journals of its registries. Returns where."""
        target = self.directory / name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        (target / "failure.txt").write_text(text)
        shutil.copytree(case.directory, target / "files", symlinks=True)
        for side in ("source", "destination"):
            registry = getattr(getattr(case, "stage", None), side, None)
            if registry is not None:
                self._write_journal(target / f"{side}-journal.txt", registry)
        disturbed = getattr(case, "mix", None)
        if disturbed is not None:
            (target / "faults.txt").write_text("".join(f"{kind}\t{request}\n" for request, kind in disturbed.log))
        return target

    def keep_failure(self, name, case):
        """From inside an exception's handler."""
        runs = "\n\n".join(str(result) for result in getattr(case, "results", ()))
        return self.keep(name, case, f"{traceback.format_exc()}\n--- all runs\n{runs}\n")

    @staticmethod
    def _write_journal(path, registry):
        path.write_text("".join(
            f"{request.started:.3f} #{request.connection} {request.method} {request.target} → {request.status or 'none'}, "
            f"{request.body_received} bytes in, {request.body_sent} out\n" for request in list(registry.journal)))
