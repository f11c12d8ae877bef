"""What the tests beside PyTorch begin with: RELUSCOPE and SOURCE_DIR, their arguments. Exits with 77 (skipped) where there
is no PyTorch (python3-torch)."""

import os
import pathlib
import sys

try:
    import torch
except ImportError:
    print("no PyTorch here", file=sys.stderr)
    sys.exit(77)

PROGRAM = os.path.abspath(sys.argv[1])
SOURCE = pathlib.Path(sys.argv[2]).resolve()
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "scripts"))
torch.set_num_threads(1)
