#include "cli/commands.hpp"

int main(int argc, char** argv) { return reluscope::run_command_line(argc, argv); }
