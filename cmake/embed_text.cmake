# cmake -DFROM=FILE -DTO=SOURCE -DNAME=FUNCTION -P embed_text.cmake: a C++ source with a function that returns the file's text.
file(READ ${FROM} text)
file(WRITE ${TO} "// Made from a file of the source tree by cmake/embed_text.cmake.
namespace reluscope {
const char* ${NAME}() {
  return R\"---embedded---(${text})---embedded---\";
}
}  // namespace reluscope
")
