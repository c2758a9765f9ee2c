#include "cli/foreign_flags.h"

#include <fmt/format.h>

#include <algorithm>

namespace freightliner::cli {
namespace {

constexpr std::string_view kSkopeo = "skopeo";
constexpr std::string_view kCrane = "crane";
constexpr std::string_view kRegctl = "regctl";

constexpr std::string_view kByteExact =
    "images are copied byte for byte here: manifests and layers keep their form and digests";
constexpr std::string_view kRecompress = "use --recompress zstd[:LEVEL]|gzip[:LEVEL]";
constexpr std::string_view kWholeImage = "all platforms are copied here, unless --platform picks some";
constexpr std::string_view kNoSigning =
    "freightliner does not sign; sign with cosign, and take signatures along with --referrers";
constexpr std::string_view kNoPolicy =
    "policy.json is not supported; name the image by digest, which is always verified";
constexpr std::string_view kSourcePassword =
    "a password on the command line can be read by other users: use --src-password-file FILE (- for standard input) or "
    "FREIGHTLINER_SRC_PASSWORD, with --src-username";
constexpr std::string_view kDestinationPassword =
    "a password on the command line can be read by other users: use --dest-password-file FILE (- for standard input) "
    "or "
    "FREIGHTLINER_DEST_PASSWORD, with --dest-username";
constexpr std::string_view kNoToken =
    "log in with a user name and password or an identity token instead (see --authfile)";
constexpr std::string_view kInsecure = "use --insecure-tls HOST, or --plain-http HOST for a registry without TLS";
constexpr std::string_view kPlatform = "use --platform OS/ARCH[/VARIANT]";
constexpr std::string_view kAnonymous = "use --authfile with a file that does not have the registry";
constexpr std::string_view kSharedBlobs =
    "a layout keeps its own blobs here; layouts that share them are an oci-tree: of replicate-tree";
constexpr std::string_view kNoDaemon = "docker-daemon: is not supported; use a registry, oci: or oci-archive:";
constexpr std::string_view kNoEncryption = "encrypted images are copied as they are, and not encrypted or decrypted";
constexpr std::string_view kQuiet = "use --progress none, and --log-level error";
constexpr std::string_view kDigestOutput = "the digest is the first word of standard output (see also --output json)";

constexpr ForeignName kFlags[] = {
    {"--src-creds", kSkopeo, kSourcePassword},
    {"--dest-creds", kSkopeo, kDestinationPassword},
    {"--src-password", kSkopeo, kSourcePassword},
    {"--dest-password", kSkopeo, kDestinationPassword},
    {"--src-registry-token", kSkopeo, kNoToken},
    {"--dest-registry-token", kSkopeo, kNoToken},
    {"--src-no-creds", kSkopeo, kAnonymous},
    {"--dest-no-creds", kSkopeo, kAnonymous},
    {"--src-authfile", kSkopeo, "use --authfile, or --src-username with --src-password-file"},
    {"--dest-authfile", kSkopeo, "use --authfile, or --dest-username with --dest-password-file"},
    {"--src-tls-verify", kSkopeo, kInsecure},
    {"--dest-tls-verify", kSkopeo, kInsecure},
    {"--tls-verify", kSkopeo, kInsecure},
    {"--src-cert-dir", kSkopeo, "use --cert-dir DIR, with DIR/HOST[:PORT]/ in it, or --ca-file FILE"},
    {"--dest-cert-dir", kSkopeo, "use --cert-dir DIR, with DIR/HOST[:PORT]/ in it, or --ca-file FILE"},
    {"--src-daemon-host", kSkopeo, kNoDaemon},
    {"--dest-daemon-host", kSkopeo, kNoDaemon},
    {"--src-shared-blob-dir", kSkopeo, kSharedBlobs},
    {"--dest-shared-blob-dir", kSkopeo, kSharedBlobs},
    {"--additional-tag", kSkopeo, "use --also-tag TAG"},
    {"--all", kSkopeo, kWholeImage},
    {"-a", kSkopeo, kWholeImage},
    {"--multi-arch", kSkopeo, kWholeImage},
    {"--override-os", kSkopeo, kPlatform},
    {"--override-arch", kSkopeo, kPlatform},
    {"--override-variant", kSkopeo, kPlatform},
    {"--format", kSkopeo, kByteExact},
    {"-f", kSkopeo, kByteExact},
    {"--preserve-digests", kSkopeo, "there is no need for it here, digests are kept unless --recompress is given"},
    {"--digestfile", kSkopeo, kDigestOutput},
    {"--dest-compress", kSkopeo, kRecompress},
    {"--dest-compress-format", kSkopeo, kRecompress},
    {"--dest-compress-level", kSkopeo, kRecompress},
    {"--dest-decompress", kSkopeo, kByteExact},
    {"--dest-force-compress-format", kSkopeo, kRecompress},
    {"--dest-oci-accept-uncompressed-layers", kSkopeo, kByteExact},
    {"--dest-precompute-digests", kSkopeo, "there is no need for it here, what is there is never sent"},
    {"--remove-signatures", kSkopeo, "there is no need for it here, signatures are copied only with --referrers"},
    {"--sign-by", kSkopeo, kNoSigning},
    {"--sign-by-sigstore", kSkopeo, kNoSigning},
    {"--sign-by-sigstore-private-key", kSkopeo, kNoSigning},
    {"--sign-identity", kSkopeo, kNoSigning},
    {"--sign-passphrase-file", kSkopeo, kNoSigning},
    {"--encryption-key", kSkopeo, kNoEncryption},
    {"--encrypt-layer", kSkopeo, kNoEncryption},
    {"--decryption-key", kSkopeo, kNoEncryption},
    {"--policy", kSkopeo, kNoPolicy},
    {"--insecure-policy", kSkopeo, "there is no need for it here, policy.json is not read"},
    {"--registries.d", kSkopeo, "registries.d is not supported; take signatures along with --referrers"},
    {"--registries-conf", kSkopeo, "registries.conf and its mirrors are not supported; name the registry in full"},
    {"--command-timeout", kSkopeo, "use --timeout DURATION"},
    {"--retry-times", kSkopeo, "use --retries N"},
    {"--tmpdir", kSkopeo, "there is no need for it here, nothing is stored on the way"},
    {"--debug", kSkopeo, "use --log-level debug"},
    {"--quiet", kSkopeo, kQuiet},
    {"-q", kSkopeo, kQuiet},
    {"--insecure", kCrane, kInsecure},
    {"--allow-nondistributable-artifacts", kCrane, "foreign layers are kept as references and not copied"},
    {"--no-clobber", kCrane, "use --overwrite never"},
    {"--all-tags", kCrane, "copy takes one image; for all tags of a repository use replicate-tree"},
    {"--verbose", kCrane, "use --log-level info, or debug"},
    {"--verbosity", kRegctl, "use --log-level debug|info|warn|error|none"},
    {"-v", kRegctl, "use --log-level debug|info|warn|error|none"},
    {"--logopt", kRegctl, "use --log-format text|json"},
    {"--host", kRegctl, "use --plain-http HOST or --insecure-tls HOST"},
    {"--digest-tags", kRegctl, "use --referrers"},
    {"--force-recursive", kRegctl, "use --overwrite always"},
    {"--fast", kRegctl, "there is no need for it here, what the destination has is not read again"},
    {"--include-external", kRegctl, "foreign layers are kept as references and not copied"},
    {"--platforms", kRegctl, "use --platform, once for each"},
    {"--recursive", "oras", "use --referrers"},
    {"-r", "oras", "use --referrers"},
    {"--from-plain-http", "oras", "use --plain-http HOST"},
    {"--to-plain-http", "oras", "use --plain-http HOST"},
    {"--from-insecure", "oras", "use --insecure-tls HOST"},
    {"--to-insecure", "oras", "use --insecure-tls HOST"},
    {"--from-username", "oras", "use --src-username"},
    {"--to-username", "oras", "use --dest-username"},
    {"--from-password", "oras", kSourcePassword},
    {"--to-password", "oras", kDestinationPassword},
    {"--concurrency", "oras", "use --jobs N"},
};

constexpr ForeignName kCommands[] = {
    {"cp", kCrane, "use freightliner copy SRC DST"},
    {"image", kRegctl, "use freightliner copy SRC DST"},
    {"login", "docker", "log in with docker login, podman login or skopeo login; freightliner reads what they store"},
    {"logout", "docker", "log out with the tool that logged in"},
};

std::optional<std::string> explain(std::span<const ForeignName> names, std::string_view name) {
  const auto found = std::ranges::find(names, name, &ForeignName::name);
  if (found == names.end()) return std::nullopt;
  return fmt::format("{} is {}'s name: {}", found->name, found->tool, found->advice);
}

// Optimal string alignment distance (Damerau 1964): insert, delete, replace, swap two neighbours.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> previous(b.size() + 1);
  std::vector<std::size_t> current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before[j - 2] + 1);
      }
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

}  // namespace

std::span<const ForeignName> foreign_flags() noexcept {
  return kFlags;
}
std::span<const ForeignName> foreign_commands() noexcept {
  return kCommands;
}

std::optional<std::string> explain_foreign_flag(std::string_view flag) {
  return explain(kFlags, flag);
}
std::optional<std::string> explain_foreign_command(std::string_view command) {
  return explain(kCommands, command);
}

std::optional<std::string_view> nearest(std::string_view text, const std::vector<std::string_view>& candidates) {
  constexpr std::size_t kLongestName = 64;
  if (text.size() > kLongestName) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t best_distance = std::max<std::size_t>(2, text.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t d = distance(text, candidate);
    if (d >= best_distance || d >= candidate.size()) continue;
    best_distance = d;
    best = candidate;
  }
  return best;
}

}  // namespace freightliner::cli
