"""Which BLAS stands behind PyTorch's matrix products, and whether it is an optimised one. Needs no PyTorch.

Debian's PyTorch calls libblas.so.3, which may be any of several libraries and is the reference BLAS where nobody has
installed another: textbook loops, some thirty times slower. Each optimised one has functions of its own by which it is
known. PyTorch's own packages have MKL built in, and say so in torch.__config__.show().
"""

import ctypes

LIBRARY = "libblas.so.3"
# A function that only this library has.
MARKS = {"MKL": "mkl_get_version_string", "BLIS": "bli_info_get_version_str", "ATLAS": "ATL_buildinfo"}
OPENBLAS_THREADS = ("no threads", "pthreads", "OpenMP")


def load():
    """The library of this name that the system has, or None."""
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError:
        return None


def openblas_name(library):
    for function in (library.openblas_get_config, library.openblas_get_corename):
        function.restype = ctypes.c_char_p
    version = " ".join(library.openblas_get_config().decode().split()[:2])
    threads = OPENBLAS_THREADS[library.openblas_get_parallel()]
    return f"{version} ({library.openblas_get_corename().decode()}, {threads})"


def identify(library, configuration):
    """Its name, and whether it is optimised; `configuration` is what PyTorch says of its build."""
    if "BLAS_INFO=mkl" in configuration:
        return "MKL, built in", True
    if library is None:
        return f"no {LIBRARY}", False
    if hasattr(library, "openblas_get_config"):
        return openblas_name(library), True
    for name, function in MARKS.items():
        if hasattr(library, function):
            return name, True
    return "the reference BLAS", False
