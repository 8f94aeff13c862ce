"""``python -I dcapi/deploy/playbooks/supervisor/__main__.py FOLDER`` with the job on standard input.

The folder is loaded as a package of its own: as a part of ``dcapi`` it would load the whole service.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAME = "playbook_supervisor"


def start() -> None:
    spec = spec_from_file_location(NAME, HERE / "__init__.py", submodule_search_locations=[str(HERE)])
    assert spec is not None
    sys.modules[NAME] = module_from_spec(spec)
    import_module(f"{NAME}.playbook").main()


if __name__ == "__main__":
    start()
