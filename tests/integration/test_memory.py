"""Memory that does not grow with the image, and no blob byte in a local file. Not run under sanitizers."""

import re
import unittest

from support import certificates, images
from support.case import Case, at

MIB = 1024  # in KiB


def writes_a_file(call):
    """True where a line of strace -y opens a file for writing or puts bytes into one; the streams 0 to 2 are the test's own."""
    if re.search(r"\bopen(at2?)?\(", call):
        return re.search(r"O_(WRONLY|RDWR|CREAT|TMPFILE)", call) and "/dev/null" not in call
    if re.search(r"\b(creat|memfd_create|ftruncate)\(", call):
        return True
    written = re.search(r"\b(?:write|pwrite64|writev)\((\d+)<([^>]*)", call)
    return bool(written) and int(written[1]) > 2 and not written[2].startswith(("TCP", "socket:", "anon_inode:", "pipe:", "UNIX"))


class Memory(Case):
    def test_one_layer_of_any_size_recompressed(self):
        peaks = []
        for number, size in enumerate((24 << 20, 120 << 20)):
            source, destination = self.registry(), self.registry()
            image = images.single(number, layers=1, layer_size=size)
            self.push(source, image, "a", "v1")
            result = self.program.measure("copy", "--progress", "none", "--recompress", "zstd", at(source, "a", "v1"),
                                          at(destination, "a", "v1"))
            self.assertEqual(result.exit_code, 0, result)
            peaks.append(result.peak_rss_kib)
        self.assertLessEqual(peaks[1] - peaks[0], 3 * MIB, peaks)

    def peak(self, image, name, scheme_options=(), **registry_options):
        source, destination = self.registry(**registry_options), self.registry(**registry_options)
        credentials = {"ca": registry_options["tls"].authority} if registry_options.get("tls") else {}
        self.push(source, image, name, "v1", **credentials)
        result = self.program.measure("copy", "--progress", "none", *scheme_options, at(source, name, "v1"),
                                      at(destination, name, "v1"))
        self.assertEqual(result.exit_code, 0, result)
        self.assert_whole(destination, name, "v1", image, **credentials)
        source.stop()
        destination.stop()
        return result.peak_rss_kib

    def test_eight_layers(self):
        peak = self.peak(images.single(layers=8, layer_size=24 << 20), "eight")
        self.assertLessEqual(peak, 20 * MIB)

    def test_eight_layers_over_https(self):
        authority = certificates.CertificateAuthority(self.directory / "authority")
        server = authority.server()
        server.authority = authority.certificate
        peak = self.peak(images.single(layers=8, layer_size=16 << 20), "eight", ("--ca-file", authority.certificate),
                         tls=server)
        self.assertLessEqual(peak, 24 * MIB)

    def test_one_layer_of_any_size(self):
        small = self.peak(images.single(layers=1, layer_size=16 << 20), "small")
        large = self.peak(images.single(layers=1, layer_size=160 << 20), "large")
        self.assertLessEqual(large - small, 2 * MIB)


class LocalFiles(Case):
    def test_registry_to_registry_writes_no_file(self):
        image = images.single(layers=2, layer_size=3 << 20)
        source, destination = self.registry(), self.registry()
        self.push(source, image, "a", "v1")
        trace = self.directory / "trace"
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"),
                  prefix=("strace", "-f", "-y", "-s", "0", "-o", trace, "-e",
                          "trace=openat,open,creat,openat2,memfd_create,write,pwrite64,writev,ftruncate"))
        calls = trace.read_text().splitlines()
        self.assertTrue(calls)
        self.assertEqual([call for call in calls if writes_a_file(call)], [])


if __name__ == "__main__":
    unittest.main()
