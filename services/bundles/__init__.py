"""Scripts as files: `<slug>/script.js` and `<slug>/script.json`, in a folder or a zip, out of the workbench and into it again."""

from services.bundles.archives import read_folder, read_zip, write_folder, write_zip
from services.bundles.documents import files_of
from services.bundles.exports import everything, one
from services.bundles.imports import Item, Plan, carry_out, keep, kept, plan

__all__ = ["Item", "Plan", "carry_out", "everything", "files_of", "keep", "kept", "one", "plan", "read_folder", "read_zip", "write_folder",
           "write_zip"]  # fmt: skip
