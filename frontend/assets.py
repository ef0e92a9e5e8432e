"""Assets: what a browser is sent, bundled, minified, hashed and compressed.

django-pipeline says what belongs together (PIPELINE in settings), esbuild joins and minifies the
modules, lightningcss the styles, Django hashes the names, servestatic compresses and serves.
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
# What a browser must know: import.meta, private fields, top-level await (all since 2021)
TARGET = "es2022"


class AssetStorage(PipelineMixin, CompressedManifestStaticFilesStorage):
    """Packs the bundles first, then hashes and compresses everything."""


class EsbuildCompiler(SubProcessCompiler):
    """Makes `reader.js` of `reader.entry.js` and all that it imports."""

    output_extension = "js"

    def match_file(self, filename: str) -> bool:
        return filename.endswith(ENTRY)

    def output_path(self, path: str, extension: str) -> str:
        return f"{path.removesuffix(ENTRY)}.{extension}"

    def compile_file(self, infile: str, outfile: str, outdated: bool = False, force: bool = False) -> None:
        """Always compiles: `outdated` knows the entry's age, not that of what it imports."""
        # pipeline keeps what a compiler prints in a file in `cwd`: one left among the sources by a kill would change
        # their fingerprint for ever, so it lies with what is made
        beside = Path(outfile).parent
        beside.mkdir(parents=True, exist_ok=True)
        flags = ["--bundle", "--format=esm", "--minify", f"--target={TARGET}", "--legal-comments=none"]
        self.execute_command(
            [*node(), str(ESBUILD), infile, *flags, "--log-level=warning", "--allow-overwrite", f"--outfile={outfile}"],
            cwd=str(beside),
        )


class LightningCompressor(CompressorBase):
    """Minifies CSS. A mistake in it is an error here, rather than a rule that a browser drops."""

    def compress_css(self, css: str) -> str:
        return lightningcss.process_stylesheet(css, filename="bundle.css", minify=True)
