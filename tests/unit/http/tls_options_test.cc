#include "freightliner/http/tls_options.h"

#include <gtest/gtest.h>

#include <fstream>

#include "http/local_address.h"
#include "support/temporary_directory.h"

namespace freightliner::http {
namespace {

Origin origin(const char* host, int port) {
  return {"https", host, port};
}

TEST(NamesOrigin, MatchesHostAloneOrHostWithPort) {
  const std::set<std::string> hosts = {"a.example", "b.example:5000", "[::1]:5001"};
  EXPECT_TRUE(names_origin(hosts, origin("a.example", 443)));
  EXPECT_TRUE(names_origin(hosts, origin("a.example", 8443)));
  EXPECT_TRUE(names_origin(hosts, origin("b.example", 5000)));
  EXPECT_FALSE(names_origin(hosts, origin("b.example", 443)));
  EXPECT_TRUE(names_origin(hosts, origin("::1", 5001)));
  EXPECT_FALSE(names_origin(hosts, origin("a.example.evil", 443)));
  EXPECT_FALSE(names_origin({}, origin("a.example", 443)));
}

class CertificateDirectory : public ::testing::Test {
 protected:
  void write(const std::string& name) {
    std::filesystem::create_directories((directory_.path() / name).parent_path());
    std::ofstream(directory_.path() / name) << "x";
  }
  Result<HostTls> find(const Origin& where) const {
    return TlsOptions{.ca_file = {}, .certificate_directories = {directory_.path()}, .insecure_hosts = {}}.for_origin(
        where);
  }
  test::TemporaryDirectory directory_;
};

TEST_F(CertificateDirectory, CollectsAuthoritiesAndClientCertificate) {
  write("r.example:5000/b.crt");
  write("r.example:5000/a.crt");
  write("r.example:5000/client.cert");
  write("r.example:5000/client.key");
  const auto tls = find(origin("r.example", 5000));
  ASSERT_TRUE(tls);
  ASSERT_EQ(tls->ca_files.size(), 2U);
  EXPECT_EQ(tls->ca_files[0].filename(), "a.crt");
  EXPECT_EQ(tls->client_certificate.filename(), "client.cert");
  EXPECT_EQ(tls->client_key.filename(), "client.key");
  const auto other = find(origin("other.example", 5000));
  ASSERT_TRUE(other);
  EXPECT_TRUE(other->ca_files.empty());
}

TEST_F(CertificateDirectory, DirectoryWithoutPortCountsForPort443Only) {
  write("r.example/ca.crt");
  const auto standard = find(origin("r.example", 443));
  const auto other = find(origin("r.example", 5000));
  ASSERT_TRUE(standard && other);
  EXPECT_EQ(standard->ca_files.size(), 1U);
  EXPECT_TRUE(other->ca_files.empty());
}

TEST_F(CertificateDirectory, ClientCertificateWithoutKeyIsAnError) {
  write("r.example/client.cert");
  const auto tls = find(origin("r.example", 443));
  ASSERT_FALSE(tls);
  EXPECT_EQ(tls.error().code(), ErrorCode::kUsage);
}

TEST(TlsOptions, VerificationIsOffOnlyForNamedHosts) {
  const TlsOptions options{.ca_file = {}, .certificate_directories = {}, .insecure_hosts = {"lab.example"}};
  const auto named = options.for_origin(origin("lab.example", 443));
  const auto other = options.for_origin(origin("www.example", 443));
  ASSERT_TRUE(named && other);
  EXPECT_FALSE(named->verify);
  EXPECT_TRUE(other->verify);
}

TEST(LocalAddress, KnowsWhatReachesThisMachineOrItsMetadata) {
  for (const char* local :
       {"127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.169.254", "::1", "::", "fe80::1", "fe80::1%eth0",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200", "garbage", ""}) {
    EXPECT_TRUE(is_local_address(local)) << local;
  }
  for (const char* remote :
       {"10.0.0.1", "192.168.1.1", "8.8.8.8", "100.100.100.201", "2001:db8::1", "::ffff:10.0.0.1"}) {
    EXPECT_FALSE(is_local_address(remote)) << remote;
  }
}

}  // namespace
}  // namespace freightliner::http
