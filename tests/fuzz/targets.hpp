#pragma once
// What is fuzzed: each target takes any bytes, does with them what the tool would do with such a file, and lets the
// errors of users pass: then it returns false. Whatever else comes of it, a crash or another exception, is a fault of
// ours.

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace reluscope::fuzz {

using Bytes = std::span<const std::uint8_t>;

bool config(Bytes bytes);
bool idx(Bytes bytes);
bool csv(Bytes bytes);
bool table(Bytes bytes);
bool npz(Bytes bytes);
bool npy(Bytes bytes);
bool png(Bytes bytes);
bool jpeg(Bytes bytes);
bool weights(Bytes bytes);
bool checkpoint(Bytes bytes);
bool traces(Bytes bytes);

struct Target {
  std::string_view name;  ///< also of its corpus and dictionary
  bool (*run)(Bytes bytes);
};
inline constexpr std::array kTargets = {Target{"config", config},   Target{"idx", idx},
                                        Target{"csv", csv},         Target{"table", table},
                                        Target{"npz", npz},         Target{"npy", npy},
                                        Target{"png", png},         Target{"jpeg", jpeg},
                                        Target{"weights", weights}, Target{"checkpoint", checkpoint},
                                        Target{"traces", traces}};

/// A file that is nowhere but in memory, with these bytes.
class MemoryFile {
 public:
  explicit MemoryFile(Bytes bytes);
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile();
  [[nodiscard]] std::filesystem::path path() const;

 private:
  int descriptor_;
};

/// The first byte, for choices; it is taken off.
inline unsigned take_choice(Bytes& bytes) {
  if (bytes.empty()) return 0;
  const unsigned choice = bytes.front();
  bytes = bytes.subspan(1);
  return choice;
}

inline std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// Ends the process, so that the fuzzer keeps the input.
void require(bool condition, const char* what);

}  // namespace reluscope::fuzz
