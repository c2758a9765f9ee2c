#include "freightliner/cli/app.h"

int main(int argc, char** argv) {
  return freightliner::cli::run_program(argc, argv);
}
