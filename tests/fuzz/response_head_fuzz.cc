// The input is the head of a response, and what comes before and behind it, in the lines in which libcurl hands it out.

#include "http/response_head.h"

#include "fuzz_target.h"

using namespace freightliner;

namespace {

void check(const http::Response& response) {
  for (const auto& [name, value] : response.headers.fields()) {
    fuzz::require(name.find_first_of(std::string_view(":\r\n \0", 5)) == std::string::npos, "a name is a token");
    fuzz::require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos, "a value is of one line");
    fuzz::require(trim(name) == name && trim(value) == value, "no blanks stand around names and values");
  }
  const auto number = response.headers.find_number("Content-Length");
  for (const std::int64_t declared : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{100}}) {
    const auto length = http::plain_body_length(response.headers, declared, 99);
    if (!length) continue;
    fuzz::require(number == length && declared == 100 && *length == 100, "both agree on the length");
    fuzz::require(!response.headers.find("transfer-encoding"), "a coded body has no plain length");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto url = http::Url::parse("http://registry.example/v2/");
  std::string_view rest = fuzz::text_of(data, size);
  http::Response response{.status = 0, .headers = {}, .body = {}, .url = *url, .remote_address = {}};
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const std::string_view line = rest.substr(0, end == std::string_view::npos ? end : end + 1);
    rest.remove_prefix(line.size());
    const std::size_t before = response.headers.fields().size();
    const bool complete = http::take_head_line(line, response);
    fuzz::require(response.headers.fields().size() <= before + 1, "a line brings one field at most");
    fuzz::require(!complete || response.status >= 200, "an interim response is no end");
    fuzz::require(!complete || trim(line).empty(), "only an empty line is an end");
    if (complete) break;
  }
  check(response);
  return 0;
}
