#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>

#include "cli/commands.hpp"
#include "util/error.hpp"

namespace {

[[noreturn]] void end_without_memory() {
  constexpr std::string_view kMessage = "reluscope: out of memory\n";
  static_cast<void>(!::write(STDERR_FILENO, kMessage.data(), kMessage.size()));
  ::_exit(reluscope::kRunFailed);
}

/// For exceptions that nobody can catch. Those of main are caught; but the libraries' globals, which are made before
/// it, want memory too.
[[noreturn]] void on_terminate() {
  try {
    if (const std::exception_ptr fault = std::current_exception()) std::rethrow_exception(fault);
    // There may have been no memory for the exception itself.
    void* volatile some = std::malloc(1);  // or the compiler would leave it out
    if (some == nullptr) end_without_memory();
    std::free(some);
  } catch (const std::bad_alloc&) {
    end_without_memory();
  } catch (...) {  // a fault in the program: a core dump tells most
  }
  std::abort();
}

/// A census, an autopsy or a portrait makes room for a pass and gives it up again. By default the heap hands such room
/// back to the system and gets it anew, page by page, or does not, as its layout happens to be: a few per cent of a
/// run.
void keep_freed_memory() {
  constexpr int kKept = 64 << 20;
  ::mallopt(M_TRIM_THRESHOLD, kKept);
  ::mallopt(M_MMAP_THRESHOLD, kKept / 2);
}

void before_everything() { std::set_terminate(on_terminate); }

}  // namespace

// Before the constructors of shared libraries.
__attribute__((section(".preinit_array"), used)) static void (*const g_before_everything)() = before_everything;

int main(int argc, char** argv) {
  keep_freed_memory();
  return reluscope::run_command_line(argc, argv);
}
