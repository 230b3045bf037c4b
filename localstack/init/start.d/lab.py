"""LocalStack init hook, stage ``start``: gives S3 a durable folder and makes the listen address true.

LocalStack runs each ``start.d/*.py`` with ``exec(source, {})`` in its own process, before the gateway opens
its port (LocalStack 4.13.1: ``localstack.runtime.init.PythonScriptRunner``,
``localstack.runtime.runtime.LocalstackRuntime.run``). So there is no ``__file__`` here, and an exception
would only be logged: both are why this file is nothing but a loader. The work is in ``lab_hooks``, beside
``start.d`` because every ``.py`` file *below* ``start.d`` would be run as a hook.
"""

import importlib.util
import logging
import os
import sys
from pathlib import Path

from localstack import config

PACKAGE = "lab_hooks"


def load_package() -> None:
    """Import the package by its path; a changed ``sys.path`` would make plux rebuild its plug-in index."""
    folder = Path(config.dirs.init) / PACKAGE
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"no package in {folder}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


try:
    load_package()
    from lab_hooks import install_all

    install_all()
except Exception as error:
    # LocalStack would log this and carry on, without durability or open to the network.
    detail = " ".join(str(error).split())
    logging.getLogger("localstack.lab").critical(
        "LocalStack stops: %s: %s", type(error).__name__, detail, exc_info=config.DEBUG
    )
    logging.shutdown()
    os._exit(70)
