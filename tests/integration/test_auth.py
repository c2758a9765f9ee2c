"""Credentials: where they come from, and where they never go."""

import base64
import os
import pathlib
import stat
import unittest

from support import images
from support.case import AUTHENTICATION, DENIED, Case, at

USER, SECRET = "deploy", "s3cr3t-canary-7f"
OTHER, OTHER_SECRET = "reader", "0ther-canary-9a"


def encoded(user=USER, secret=SECRET):
    return base64.b64encode(f"{user}:{secret}".encode()).decode()


class AuthCase(Case):
    def check_run(self, result):
        """No secret in any output, in either of its forms."""
        super().check_run(result)
        for secret in (SECRET, OTHER_SECRET, encoded(), encoded(OTHER, OTHER_SECRET)):
            self.assertNotIn(secret, result.stdout + result.stderr, result)

    def logged_in(self, *hosts, user=USER, secret=SECRET):
        return {"auths": {host: {"auth": encoded(user, secret)} for host in hosts}}


class Basic(AuthCase):
    """docker-registry with htpasswd."""

    def setUp(self):
        super().setUp()
        self.image = images.single()
        self.source = self.registry()
        self.push(self.source, self.image, "a", "v1")
        self.destination = self.registry(users={USER: SECRET, OTHER: OTHER_SECRET})
        self.pair = (at(self.source, "a", "v1"), at(self.destination, "a", "v1"))

    def arrived(self):
        self.assert_whole(self.destination, "a", "v1", self.image, user=USER, password=SECRET)

    def test_docker_config_in_the_home(self):
        self.write_json(self.program.home / ".docker/config.json", self.logged_in(self.destination.host))
        self.copy(*self.pair)
        self.arrived()

    def test_docker_config_by_variable(self):
        self.write_json(self.directory / "elsewhere/config.json", self.logged_in(self.destination.host))
        self.copy(*self.pair, env={"DOCKER_CONFIG": str(self.directory / "elsewhere")})
        self.arrived()

    def test_a_key_with_scheme_and_path(self):
        self.write_json(self.program.home / ".docker/config.json", self.logged_in(f"https://{self.destination.host}/v2/"))
        self.copy(*self.pair)
        self.arrived()

    def test_the_authfile_option_and_variable(self):
        path = self.write_json(self.directory / "auth.json", self.logged_in(self.destination.host))
        self.copy(*self.pair, "--authfile", path)
        self.arrived()
        self.copy(*self.pair, "--overwrite", "always", env={"REGISTRY_AUTH_FILE": str(path)})

    def test_the_runtime_directory(self):
        self.write_json(self.program.runtime / "containers/auth.json", self.logged_in(self.destination.host))
        self.copy(*self.pair)
        self.arrived()

    def test_the_most_specific_key_wins(self):
        auths = self.logged_in(self.destination.host, secret="wrong")["auths"]
        auths |= self.logged_in(f"{self.destination.host}/a")["auths"]
        self.write_json(self.program.runtime / "containers/auth.json", {"auths": auths})
        self.copy(*self.pair)
        self.arrived()

    def test_a_look_alike_host_gets_nothing(self):
        near = [f"{self.destination.host}0", f"x{self.destination.host}", "127.0.0.1", f"127.0.0.1:{self.destination.port - 1}"]
        self.write_json(self.program.home / ".docker/config.json", self.logged_in(*near))
        self.refuse_copy(AUTHENTICATION, *self.pair)

    def test_username_with_a_password_file(self):
        path = self.directory / "password"
        path.write_text(SECRET + "\n")
        self.copy(*self.pair, "--dest-username", USER, "--dest-password-file", path)
        self.arrived()

    def test_username_with_standard_input(self):
        self.copy(*self.pair, "--dest-username", USER, "--dest-password-file", "-", stdin=SECRET.encode() + b"\n")
        self.arrived()

    def test_username_with_the_variable(self):
        self.copy(*self.pair, "--dest-username", USER, env={"FREIGHTLINER_DEST_PASSWORD": SECRET})
        self.arrived()

    def test_a_password_on_the_command_line_is_refused(self):
        self.refuse_copy(2, *self.pair, "--dest-username", USER, "--dest-password", "hunter2", words="--dest-password-file")

    def test_no_credentials_and_wrong_ones(self):
        self.refuse_copy(AUTHENTICATION, *self.pair, words=self.destination.host)
        self.destination.mark()
        self.refuse_copy(AUTHENTICATION, *self.pair, "--dest-username", USER, env={"FREIGHTLINER_DEST_PASSWORD": "wrong"})
        self.assertLessEqual(len(self.destination.requests(status=401)), 4, "a refusal is not tried again")
        self.assert_absent(self.destination, "a", "v1", user=USER, password=SECRET)

    def test_two_identities_on_one_host(self):
        self.push(self.destination, self.image, "from", "v1", user=OTHER, password=OTHER_SECRET)
        self.destination.mark()
        self.copy(
            at(self.destination, "from", "v1"), at(self.destination, "to", "v1"),
            "--src-username", OTHER, "--dest-username", USER,
            env={"FREIGHTLINER_SRC_PASSWORD": OTHER_SECRET, "FREIGHTLINER_DEST_PASSWORD": SECRET},
        )
        self.assert_whole(self.destination, "to", "v1", self.image, user=USER, password=SECRET)

    def test_the_log_keeps_secrets(self):
        """AuthCase.check_run looks for them, at the noisiest level too."""
        for form in ("text", "json"):
            self.copy(*self.pair, "--dest-username", USER, "--log-level", "debug", "--log-format", form, "--overwrite",
                      "always", env={"FREIGHTLINER_DEST_PASSWORD": SECRET})

    def test_broken_credential_files(self):
        path = self.directory / "auth.json"
        for text in ("", "{", "[]", '{"auths":7}', '{"auths":{"' + self.destination.host + '":{"auth":"!!!"}}}',
                     "[" * 100000):
            with self.subTest(text=text[:40]):
                path.write_text(text)
                self.refuse_copy((2, 4, 9), *self.pair, "--authfile", path, words=str(path))
        self.refuse_copy((2, 4, 5, 11), *self.pair, "--authfile", self.directory / "none.json", words="none.json")
        self.refuse_copy((2, 4, 11), *self.pair, "--authfile", self.directory, words=str(self.directory))
        self.refuse_copy((2, 4, 5, 11), *self.pair, "--dest-username", USER, "--dest-password-file", "/nonexistent",
                         words="/nonexistent")


class Helpers(AuthCase):
    """Programs named docker-credential-NAME."""

    def setUp(self):
        super().setUp()
        self.image = images.single()
        self.source = self.registry()
        self.push(self.source, self.image, "a", "v1")
        self.destination = self.registry(users={USER: SECRET})
        self.pair = (at(self.source, "a", "v1"), at(self.destination, "a", "v1"))
        self.bin = self.directory / "bin"
        self.bin.mkdir()
        self.log = self.directory / "helper.log"

    def helper(self, name, script):
        path = self.bin / f"docker-credential-{name}"
        path.write_text(f'#!/bin/sh\nread server\necho "$1 $server" >>{self.log}\n{script}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def configure(self, document):
        self.write_json(self.program.home / ".docker/config.json", document)

    def path(self):
        return {"PATH": f"{self.bin}:{self.program.environment()['PATH']}"}

    def good(self):
        return f"""printf '{{"ServerURL":"%s","Username":"{USER}","Secret":"{SECRET}"}}' "$server\""""

    def test_a_helper_for_one_registry(self):
        self.helper("own", self.good())
        self.configure({"credHelpers": {self.destination.host: "own"}})
        self.copy(*self.pair, env=self.path())
        self.assert_whole(self.destination, "a", "v1", self.image, user=USER, password=SECRET)
        self.assertEqual(set(self.log.read_text().splitlines()), {f"get {self.destination.host}"})

    def test_a_store_for_all(self):
        self.helper("store", f'case "$server" in {self.destination.host}) {self.good()};; '
                             '*) echo "credentials not found in native keychain"; exit 1;; esac')
        self.configure({"credsStore": "store"})
        self.copy(*self.pair, env=self.path())

    def test_failing_helpers(self):
        scripts = {
            "fails": "echo 'vault is sealed' >&2; exit 1",
            "silent": "exit 0",
            "garbage": "echo '<html>'",
            "nothing": "echo '{}'",
            "endless": "exec yes",
        }
        for name, script in scripts.items():
            with self.subTest(helper=name):
                self.helper(name, script)
                self.configure({"credHelpers": {self.destination.host: name}})
                self.refuse_copy(AUTHENTICATION, *self.pair, env=self.path(), words=name)

    def test_a_missing_helper(self):
        self.configure({"credHelpers": {self.destination.host: "absent"}})
        self.refuse_copy(AUTHENTICATION, *self.pair, env=self.path(), words="docker-credential-absent")

    def test_a_helper_that_hangs_ends_with_the_run(self):
        written = self.directory / "helper.pid"
        self.helper("hangs", f"echo $$ > {written}; exec sleep 600")
        self.configure({"credHelpers": {self.destination.host: "hangs"}})
        result = self.refuse_copy(6, *self.pair, "--timeout", "2s", env=self.path(), timeout=30)
        self.assertLess(result.seconds, 6)
        with self.assertRaises(ProcessLookupError):
            os.kill(int(written.read_text()), 0)

    def test_helper_names_are_no_paths(self):
        victim = self.directory / "ran"
        for name in ("../bin/docker-credential-x", "/bin/sh", "a;touch " + str(victim), "$(touch " + str(victim) + ")", "a b", ""):
            with self.subTest(name=name):
                self.configure({"credHelpers": {self.destination.host: name}})
                self.refuse_copy((2, 4), *self.pair, env=self.path())
        self.assertFalse(victim.exists())


class Tokens(AuthCase):
    """docker-registry behind a token server."""

    def set_up(self, **options):
        options = {"users": {USER: SECRET, OTHER: OTHER_SECRET}, **options}
        self.tokens = self.token_server(**options)
        self.registry_ = self.registry(token=self.tokens.registry_settings())
        self.allow = ("--token-host", f"{self.registry_.host}={self.tokens.host}")
        self.image = images.single(layers=5)
        self.layout = images.write_layout(self.image, self.directory / "layout", "v1")
        self.write_json(self.program.home / ".docker/config.json", self.logged_in(self.registry_.host))

    def reader(self, repository):
        access = [{"type": "repository", "name": repository, "actions": ["pull"]}]
        return {"token": self.tokens.issue(USER, access)}

    def test_push_and_pull(self):
        self.set_up()
        self.copy(f"oci:{self.layout}:v1", at(self.registry_, "a", "v1"), *self.allow)
        self.assert_whole(self.registry_, "a", "v1", self.image, **self.reader("a"))
        self.copy(at(self.registry_, "a", "v1"), f"oci:{self.directory}/back:v1", *self.allow)

    def test_one_token_for_a_scope(self):
        self.set_up()
        self.copy(f"oci:{self.layout}:v1", at(self.registry_, "a", "v1"), "--jobs", "8", *self.allow)
        self.assertEqual(len(self.tokens.journal), 1, self.tokens.journal)
        self.assertEqual(self.tokens.scopes_asked(), ["repository:a:pull,push"])
        self.assertEqual(self.tokens.journal[0].service, self.tokens.service)

    def test_both_repositories_in_the_scope_of_a_mount(self):
        self.set_up()
        self.copy(f"oci:{self.layout}:v1", at(self.registry_, "from", "v1"), *self.allow)
        self.tokens.journal.clear()
        record = self.copy_json(at(self.registry_, "from", "v1"), at(self.registry_, "to", "v1"), *self.allow)
        self.assertEqual(record["blobs"]["mounted"], len(self.image.blobs))
        self.assertIn(["repository:to:pull,push", "repository:from:pull"], [r.scopes for r in self.tokens.journal])

    def test_anonymous_pull(self):
        self.set_up(grants={"": [("public/*", "pull")]})
        self.copy(f"oci:{self.layout}:v1", at(self.registry_, "public/a", "v1"), *self.allow)
        (self.program.home / ".docker/config.json").unlink()
        self.tokens.journal.clear()
        self.copy(at(self.registry_, "public/a", "v1"), f"oci:{self.directory}/back:v1")
        self.assertEqual({request.authorization for request in self.tokens.journal}, {""})
        self.refuse_copy((4, 8), f"oci:{self.layout}:v1", at(self.registry_, "public/b", "v1"))

    def test_an_identity_token_is_exchanged(self):
        self.set_up(refresh_tokens={"identity-canary": USER})
        self.write_json(self.program.home / ".docker/config.json",
                        {"auths": {self.registry_.host: {"identitytoken": "identity-canary"}}})
        result = self.copy(f"oci:{self.layout}:v1", at(self.registry_, "a", "v1"), "--log-level", "debug", *self.allow)
        self.assertNotIn("identity-canary", result.stderr)
        self.assertEqual({(r.method, r.grant_type, r.user) for r in self.tokens.journal}, {("POST", "refresh_token", USER)})

    def test_access_token_instead_of_token(self):
        self.set_up(token_key="access_token")
        self.copy(f"oci:{self.layout}:v1", at(self.registry_, "a", "v1"), *self.allow)

    def test_a_token_server_that_recovers(self):
        self.set_up(failures=2)
        self.copy(f"oci:{self.layout}:v1", at(self.registry_, "a", "v1"), *self.allow)
        self.assertEqual([request.status for request in self.tokens.journal], [503, 503, 200])

    def test_wrong_password_and_missing_right(self):
        self.set_up(grants={USER: [("mine/*", "pull,push")]})
        self.refuse_copy((AUTHENTICATION, DENIED), f"oci:{self.layout}:v1", at(self.registry_, "yours/a", "v1"), *self.allow)
        self.assertLessEqual(len(self.tokens.journal), 3, "no endless asking")
        self.write_json(self.program.home / ".docker/config.json", self.logged_in(self.registry_.host, secret="wrong"))
        self.tokens.journal.clear()
        self.refuse_copy(AUTHENTICATION, f"oci:{self.layout}:v1", at(self.registry_, "mine/a", "v1"), *self.allow)
        self.assertLessEqual(len(self.tokens.journal), 2)

    def test_a_realm_on_another_host_gets_no_credentials(self):
        self.set_up(address="127.0.0.2")
        self.refuse_copy((AUTHENTICATION, 9), f"oci:{self.layout}:v1", at(self.registry_, "a", "v1"),
                         words=(f"names a token server without TLS, {self.tokens.realm.removesuffix('/token')}",
                                "address of this machine"))
        self.assertEqual([r.authorization for r in self.tokens.journal if r.authorization], [])

    def test_a_token_that_ends_early_is_replaced(self):
        """The registry refuses it before the client thinks that it is over."""
        self.set_up()
        issue = self.tokens.issue
        first = []

        def short_lived(user, access, expires_in=None):
            lifetime = None if first else -120
            first.append(1)
            return issue(user, access, lifetime)

        self.tokens.issue = short_lived
        self.copy(f"oci:{self.layout}:v1", at(self.registry_, "a", "v1"), *self.allow)
        self.assertLessEqual(len(self.tokens.journal), 3)


class Origins(AuthCase):
    """Redirects and upload Locations on another origin see no credentials."""

    def test_redirected_blobs(self):
        source = self.scripted(redirect_blobs=True, basic=(USER, SECRET))
        image = images.single()
        source.load(image, "a", "v1")
        self.write_json(self.program.home / ".docker/config.json", self.logged_in(source.host))
        self.copy(at(source, "a", "v1"), f"oci:{self.directory}/layout:v1")
        self.assertEqual(len(source.elsewhere.journal), len(image.blobs))
        for request in source.elsewhere.journal:
            self.assertNotIn("Authorization", request.headers)
            self.assertIn("?signature=s3cret%2Fvalue", request.target)

    def test_credentials_only_after_a_challenge_over_the_right_scheme(self):
        """http on loopback is found out before any credential is sent."""
        source = self.scripted(basic=(USER, SECRET))
        source.load(images.single(), "a", "v1")
        self.write_json(self.program.home / ".docker/config.json", self.logged_in(source.host))
        self.copy(at(source, "a", "v1"), f"oci:{self.directory}/layout:v1")
        self.assertTrue(source.server.not_http, "https is tried first")
        for first_bytes in source.server.not_http:
            self.assertNotIn(b"Basic", first_bytes)


class CommandLine(AuthCase):
    def test_no_secret_in_the_arguments_of_children(self):
        """A helper gets the server's name on its standard input, and nothing in argv but the verb."""
        destination = self.registry(users={USER: SECRET})
        bin_directory = self.directory / "bin"
        bin_directory.mkdir()
        seen = self.directory / "argv"
        helper = bin_directory / "docker-credential-argv"
        helper.write_text(f'#!/bin/sh\necho "$# $*" >>{seen}\ncat >/dev/null\n'
                          f"printf '{{\"Username\":\"{USER}\",\"Secret\":\"{SECRET}\"}}'\n")
        helper.chmod(0o755)
        self.write_json(self.program.home / ".docker/config.json", {"credHelpers": {destination.host: "argv"}})
        hello = pathlib.Path(__file__).resolve().parents[2] / "examples/hello"
        self.copy(f"oci:{hello}:latest", at(destination, "a", "v1"),
                  env={"PATH": f"{bin_directory}:{self.program.environment()['PATH']}"})
        self.assertEqual(set(seen.read_text().splitlines()), {"1 get"})


if __name__ == "__main__":
    unittest.main()
