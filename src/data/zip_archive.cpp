#include "data/zip_archive.hpp"

#include "util/error.hpp"
#include "util/excerpt.hpp"
#include "util/input.hpp"

#ifdef RELUSCOPE_LIBZIP
#include <dlfcn.h>
#include <zip.h>

#include <new>
#endif

namespace reluscope {

#ifdef RELUSCOPE_LIBZIP

namespace {

constexpr zip_int64_t kMostMembers = 10000;

/// libzip, loaded when the first archive is opened: it brings a cryptographic library along, whose size every start of
/// the program would pay.
struct LibZip {
  decltype(&zip_open) open = nullptr;
  decltype(&zip_discard) discard = nullptr;
  decltype(&zip_get_num_entries) count = nullptr;
  decltype(&zip_get_name) name = nullptr;
  decltype(&zip_fopen) open_member = nullptr;
  decltype(&zip_fclose) close_member = nullptr;
  decltype(&zip_fread) read = nullptr;
  decltype(&zip_strerror) fault = nullptr;
  decltype(&zip_file_strerror) member_fault = nullptr;
  decltype(&zip_error_init_with_code) make_error = nullptr;
  decltype(&zip_error_strerror) error_text = nullptr;
  decltype(&zip_error_fini) end_error = nullptr;

  LibZip() : handle_(dlopen(RELUSCOPE_LIBZIP, RTLD_LAZY | RTLD_LOCAL)) {
    if (handle_ == nullptr) refuse();
    find(open, "zip_open");
    find(discard, "zip_discard");
    find(count, "zip_get_num_entries");
    find(name, "zip_get_name");
    find(open_member, "zip_fopen");
    find(close_member, "zip_fclose");
    find(read, "zip_fread");
    find(fault, "zip_strerror");
    find(member_fault, "zip_file_strerror");
    find(make_error, "zip_error_init_with_code");
    find(error_text, "zip_error_strerror");
    find(end_error, "zip_error_fini");
  }

 private:
  template <class Function>
  void find(Function& function, const char* symbol) {
    function = reinterpret_cast<Function>(dlsym(handle_, symbol));
    if (function == nullptr) refuse();
  }
  [[noreturn]] static void refuse() {
    const char* why = dlerror();
    throw DataError("libzip, which this build reads NPZ archives with, cannot be loaded: " +
                    std::string(why != nullptr ? why : "no memory"));
  }
  void* handle_;
};

const LibZip& libzip() {
  static const LibZip library;
  return library;
}

zip_t* handle_of(const std::shared_ptr<void>& handle) { return static_cast<zip_t*>(handle.get()); }

std::string text_of(int code) {
  zip_error_t error;
  libzip().make_error(&error, code);
  const std::string text = libzip().error_text(&error);
  libzip().end_error(&error);
  return text;
}

}  // namespace

ZipArchive::ZipArchive(const std::filesystem::path& path) : name_(path.string()) {
  if (!has_file(path)) throw DataError(name_ + ": no such file, or not a regular one");
  int code = 0;
  zip_t* opened = libzip().open(name_.c_str(), ZIP_RDONLY, &code);
  if (code == ZIP_ER_MEMORY) throw std::bad_alloc();
  if (opened == nullptr) throw DataError(name_ + ": cannot be read as a zip archive (" + text_of(code) + ")");
  handle_ = std::shared_ptr<void>(opened, [](void* archive) { libzip().discard(static_cast<zip_t*>(archive)); });
  const zip_int64_t count = libzip().count(opened, 0);
  if (count > kMostMembers)
    throw DataError(name_ + ": has " + std::to_string(count) + " members, more than an archive of arrays");
  for (zip_int64_t member = 0; member < count; ++member) {
    const char* name = libzip().name(opened, static_cast<zip_uint64_t>(member), ZIP_FL_ENC_RAW);
    members_.emplace_back(name == nullptr ? "" : name);
  }
}

InputFile ZipArchive::open(const std::string& member) const {
  const std::string name = name_ + ": " + member;
  zip_file_t* opened = libzip().open_member(handle_of(handle_), member.c_str(), ZIP_FL_ENC_RAW);
  if (opened == nullptr) throw DataError(name + ": cannot be read (" + libzip().fault(handle_of(handle_)) + ")");
  // The archive has to outlive what is read from it.
  const auto close = [archive = handle_](zip_file_t* file) { libzip().close_member(file); };
  const std::shared_ptr<zip_file_t> file(opened, close);
  return {name, [file, name](void* out, std::size_t size) {
            const zip_int64_t got = libzip().read(file.get(), out, size);
            if (got < 0) throw DataError(name + ": the data are damaged (" + libzip().member_fault(file.get()) + ")");
            return static_cast<std::size_t>(got);
          }};
}

#else

ZipArchive::ZipArchive(const std::filesystem::path& path) : name_(path.string()) {
  throw DataError(name_ + ": this build reads no zip archives" +
                  help_line("apt install libzip-dev, and build again; or python3 -c 'import numpy as np; "
                            "[np.save(k, v) for k, v in np.load(\"FILE.npz\").items()]'"));
}

InputFile ZipArchive::open(const std::string& member) const { return InputFile(name_ + "/" + member); }

#endif

}  // namespace reluscope
