"""The build of scripts and styles: bundled, minified, hashed and compressed.

PIPELINE in settings names the files of each bundle; esbuild joins and minifies modules, lightningcss
styles, Django hashes the names, servestatic compresses and serves them.
"""

from pathlib import Path

import lightningcss
from pipeline.compilers import SubProcessCompiler
from pipeline.compressors import CompressorBase
from pipeline.storage import PipelineMixin
from servestatic.storage import CompressedManifestStaticFilesStorage

from frontend.node import FRONTEND, node

ESBUILD = FRONTEND / "node_modules" / "esbuild" / "bin" / "esbuild"
ENTRY = ".entry.js"
# what a browser has to support: import.meta, private fields, top-level await (all since 2021)
TARGET = "es2022"


class AssetStorage(PipelineMixin, CompressedManifestStaticFilesStorage):
    """Makes the bundles, then hashes and compresses all files."""


class EsbuildCompiler(SubProcessCompiler):
    """Makes `reader.js` of `reader.entry.js` and the modules that it imports."""

    output_extension = "js"

    def match_file(self, filename: str) -> bool:
        return filename.endswith(ENTRY)

    def output_path(self, path: str, extension: str) -> str:
        return f"{path.removesuffix(ENTRY)}.{extension}"

    def compile_file(self, infile: str, outfile: str, outdated: bool = False, force: bool = False) -> None:
        """Compiles always: `outdated` goes by the entry's age, not by that of the modules it imports."""
        # pipeline keeps a compiler's output in a file in `cwd`. One that a kill left among the sources would change
        # their fingerprint for ever, so it lies beside the bundle
        beside = Path(outfile).parent
        beside.mkdir(parents=True, exist_ok=True)
        flags = ["--bundle", "--format=esm", "--minify", f"--target={TARGET}", "--legal-comments=none"]
        self.execute_command(
            [*node(), str(ESBUILD), infile, *flags, "--log-level=warning", "--allow-overwrite", f"--outfile={outfile}"],
            cwd=str(beside),
        )


class LightningCompressor(CompressorBase):
    """Minifies CSS. A mistake in it is an error here, in place of a rule that a browser drops."""

    def compress_css(self, css: str) -> str:
        return lightningcss.process_stylesheet(css, filename="bundle.css", minify=True)
