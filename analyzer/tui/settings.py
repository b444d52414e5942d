"""Settings between two runs: theme, recent files, in the configuration folder of the platform. Never keys."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import platformdirs

RECENT = 12
FOLDER_VARIABLE = "DLMSCOPE_CONFIG"


@dataclass(slots=True)
class Settings:
    """What is remembered. `path` empty: nothing is read or written (in a browser of somebody else, in tests)."""

    theme: str = "textual-dark"
    recent: list[str] = field(default_factory=list)
    path: str = ""

    @classmethod
    def load(cls) -> Settings:
        """The settings of this user; the defaults where there are none or they cannot be read."""
        folder = os.environ.get(FOLDER_VARIABLE) or platformdirs.user_config_dir("dlmscope", appauthor=False)
        path = str(Path(folder) / "settings.json")
        made = cls(path=path)
        try:
            stored = json.loads(Path(path).read_text("utf-8"))
        except (OSError, ValueError):
            return made
        if isinstance(stored, dict):
            if isinstance(stored.get("theme"), str):
                made.theme = stored["theme"]
            if isinstance(stored.get("recent"), list):
                made.recent = [name for name in stored["recent"] if isinstance(name, str)][:RECENT]
        return made

    def opened(self, path: str) -> None:
        """Remembers a file as the latest one."""
        full = os.path.abspath(path)
        self.recent = [full, *(name for name in self.recent if name != full)][:RECENT]
        self.save()

    def save(self) -> None:
        """Writes them; a folder that cannot be written only means that nothing is remembered."""
        if not self.path:
            return
        stored = {name: value for name, value in asdict(self).items() if name != "path"}
        try:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            Path(self.path).write_text(json.dumps(stored, indent=1), "utf-8")
        except OSError:
            return
