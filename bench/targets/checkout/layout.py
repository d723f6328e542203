"""What makes a folder a KATO checkout, and what of it KATO's container holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.errors import UsageError

#: What uvicorn imports (KATO 3.10.1, Dockerfile CMD).
APPLICATION = "kato.services.kato_fastapi:app"

_MODULE = Path("kato/services/kato_fastapi.py")
_INIT_SQL = Path("config/clickhouse/init.sql")
_NEEDS = {_MODULE: "the application that uvicorn serves", _INIT_SQL: "the tables of the pattern store"}
#: The exact pins first: what KATO's image is built from.
_REQUIREMENTS = ("requirements.lock", "requirements.txt")
_ENVIRONMENTS = (".venv", "venv")
_PYTHON = Path("bin/python")


@dataclass(frozen=True)
class Checkout:
    """A folder with KATO's source code, by its absolute path."""

    folder: Path

    @property
    def init_sql(self) -> Path:
        return self.folder / _INIT_SQL

    @property
    def requirements(self) -> Path | None:
        """What KATO must have installed; None where the checkout does not say."""
        found = (self.folder / name for name in _REQUIREMENTS)
        return next((path for path in found if path.is_file()), None)

    @property
    def interpreter(self) -> Path | None:
        """The Python of an environment that lies in the checkout."""
        found = (self.folder / name / _PYTHON for name in _ENVIRONMENTS)
        return next((path for path in found if path.exists()), None)

    def served(self) -> dict[str, Path]:
        """What KATO's working folder holds, by name. Hidden files are not among it: no image has them, and a
        `.env` in that folder stops KATO from starting."""
        return {path.name: path for path in sorted(self.folder.iterdir()) if not path.name.startswith(".")}


def checkout_at(folder: str | Path) -> Checkout:
    """Raises UsageError, naming all that is missing, where the folder is no KATO checkout."""
    try:
        path = Path(folder).resolve()
        if not path.is_dir():
            raise UsageError(f"{path} is no folder; name that of a KATO checkout.")
        missing = [f"{name} ({what})" for name, what in _NEEDS.items() if not (path / name).is_file()]
    except (OSError, ValueError) as error:
        raise UsageError(f"{str(folder)!r} cannot be read ({error}); name a KATO checkout.") from error
    if missing:
        raise UsageError(
            f"{path} is no KATO checkout: it has no {' and no '.join(missing)}; name the folder that holds "
            "KATO's Dockerfile."
        )
    return Checkout(path)
