"""Media types by file name ending; text is always declared as UTF-8."""

from collections.abc import Mapping
from types import MappingProxyType

_TEXT = {
    "text/html": "html htm",
    "text/css": "css",
    "text/javascript": "js mjs cjs",
    "text/plain": "txt text log conf cfg ini",
    "text/markdown": "md markdown",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "text/calendar": "ics",
    "text/vcard": "vcf",
    "text/vtt": "vtt",
    "text/x-python": "py",
    "text/x-c": "c h cc cpp hpp",
    "text/x-rust": "rs",
    "text/x-go": "go",
    "text/x-shellscript": "sh bash",
    "text/x-diff": "diff patch",
    "text/yaml": "yaml yml",
    "text/xml": "xml xsl xsd",
}
_BINARY = {
    "application/json": "json map",
    "application/ld+json": "jsonld",
    "application/geo+json": "geojson",
    "application/manifest+json": "webmanifest",
    "application/x-ndjson": "ndjson jsonl",
    "application/toml": "toml",
    "application/xhtml+xml": "xhtml",
    "application/rss+xml": "rss",
    "application/atom+xml": "atom",
    "application/wasm": "wasm",
    "application/pdf": "pdf",
    "application/rtf": "rtf",
    "application/postscript": "ps eps ai",
    "application/epub+zip": "epub",
    "application/zip": "zip whl",
    "application/gzip": "gz tgz",
    "application/x-bzip2": "bz2",
    "application/x-xz": "xz",
    "application/zstd": "zst",
    "application/x-7z-compressed": "7z",
    "application/vnd.rar": "rar",
    "application/x-tar": "tar",
    "application/java-archive": "jar",
    "application/vnd.android.package-archive": "apk",
    "application/vnd.debian.binary-package": "deb",
    "application/x-rpm": "rpm",
    "application/x-iso9660-image": "iso",
    "application/vnd.apache.parquet": "parquet",
    "application/vnd.sqlite3": "sqlite sqlite3",
    "application/x-bittorrent": "torrent",
    "application/pgp-signature": "sig asc",
    "application/dash+xml": "mpd",
    "application/vnd.apple.mpegurl": "m3u8",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "image/svg+xml": "svg",
    "image/png": "png",
    "image/apng": "apng",
    "image/jpeg": "jpg jpeg jfif",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/heic": "heic",
    "image/jxl": "jxl",
    "image/bmp": "bmp",
    "image/tiff": "tif tiff",
    "image/vnd.microsoft.icon": "ico cur",
    "font/woff": "woff",
    "font/woff2": "woff2",
    "font/ttf": "ttf",
    "font/otf": "otf",
    "font/collection": "ttc",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/aac": "aac",
    "audio/ogg": "ogg oga opus",
    "audio/flac": "flac",
    "audio/wav": "wav",
    "audio/webm": "weba",
    "audio/midi": "mid midi",
    "video/mp4": "mp4 m4v",
    "video/webm": "webm",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "video/x-matroska": "mkv",
    "video/x-msvideo": "avi",
    "video/mpeg": "mpg mpeg",
    "video/mp2t": "ts m2ts",
    "model/gltf+json": "gltf",
    "model/gltf-binary": "glb",
}

DEFAULT = b"application/octet-stream"

_BY_ENDING = {
    ending.encode(): (media_type + charset).encode()
    for table, charset in ((_TEXT, "; charset=utf-8"), (_BINARY, ""))
    for media_type, endings in table.items()
    for ending in endings.split()
}


NO_TYPES: Mapping[bytes, bytes] = MappingProxyType({})


def media_type(name: bytes, given: Mapping[bytes, bytes] = NO_TYPES) -> bytes:
    """Return the Content-Type for a file called *name*, by its last ending.

    *given* are types by ending, without the dot and in lower case; they go first.
    """
    stem, dot, ending = name.rpartition(b".")
    if not dot or not stem or stem.endswith(b"/"):
        return DEFAULT  # `.html` is a hidden file's name, not an ending
    ending = ending.lower()
    return given.get(ending) or _BY_ENDING.get(ending, DEFAULT)
