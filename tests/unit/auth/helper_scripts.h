#pragma once

#include <string>

#include "support/temporary_directory.h"

namespace freightliner::auth {

/// Writes a credential helper: a shell script of that body.
inline void write_helper(const test::TemporaryDirectory& directory, const std::string& name, const std::string& body) {
  directory.write("docker-credential-" + name, "#!/bin/sh\n" + body + "\n", 0700);
}

}  // namespace freightliner::auth
