"""The wheel's build hook: puts the built web client into the wheel, and where an editable install finds it.

A wheel also carries the demonstration exam, which a checkout has in its examples.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ClientHook(BuildHookInterface[BuilderConfig]):
    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return [] if self._client().is_current() else list(self._client().needed_packages())

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self._client().build():
            self.app.display_info("web client built")
        if version == "standard":
            build_data["force_include"]["examples/demo-exam"] = "api/examples/demo-exam"

    def _client(self) -> ModuleType:
        """web/build_client.py by its path: the build environment does not see the checkout's packages."""
        spec = importlib.util.spec_from_file_location("build_client", Path(self.root, "web", "build_client.py"))
        if spec is None or spec.loader is None:
            raise FileNotFoundError(f"web/build_client.py is missing in {self.root}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
