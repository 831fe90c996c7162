"""What functions get for modules of which they need a little, and the real one of which leads everywhere.

`logging`, `inspect` and `traceback` hold files, frames and code. What people use them for in a function is done here anew.
"""

from collections.abc import Mapping
from typing import Final

MODULES: Final[Mapping[str, str]] = {
    "ast": "*",
    "inspect": "*",
    "logging": """
        CRITICAL DEBUG ERROR Filter Formatter Handler INFO Logger LoggerAdapter LogRecord NOTSET NullHandler StreamHandler
        WARNING basicConfig critical debug disable error exception fatal getLevelName getLogger info log warn warning
    """,
    "xml.etree.ElementTree": "Element ParseError SubElement XML fromstring indent iselement tostring",
    "traceback": "format_exc format_exception format_exception_only print_exc print_exception",
}
"""Names by module, as in `imports`. Each is in the module of its last name here, in small letters."""
