"""What uvicorn imports: `bench.targets.embedded.kato.app:app`."""

from __future__ import annotations

import logging
import os

from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from bench.targets.embedded.kato import config_files
from bench.targets.embedded.kato.application import create_app
from bench.targets.embedded.kato.settings import SettingsError, load


def _app_of_environment() -> FastAPI:
    try:
        return create_app(load(config_files.environment(os.environ)))
    except SettingsError as error:
        logging.getLogger("uvicorn.error").error("%s", error)
        raise SystemExit(STARTUP_FAILURE) from None


app = _app_of_environment()
