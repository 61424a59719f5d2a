# SPDX-License-Identifier: Apache-2.0
"""All keys and values of a RocksDB, through its library's C interface."""

import ctypes
import ctypes.util


def pairs(folder):
    """[(key, value)] in the order of the keys; the folder is not changed."""
    lib = ctypes.CDLL(ctypes.util.find_library("rocksdb")
                      or "librocksdb.so")
    for name in ("options_create", "readoptions_create",
                 "open_for_read_only", "create_iterator", "iter_key",
                 "iter_value"):
        getattr(lib, "rocksdb_" + name).restype = ctypes.c_void_p
    lib.rocksdb_iter_valid.restype = ctypes.c_ubyte
    error = ctypes.c_char_p()
    options = ctypes.c_void_p(lib.rocksdb_options_create())
    reads = ctypes.c_void_p(lib.rocksdb_readoptions_create())
    db = ctypes.c_void_p(lib.rocksdb_open_for_read_only(
        options, folder.encode(), ctypes.c_ubyte(0), ctypes.byref(error)))
    if error:
        raise OSError(error.value.decode())
    each = ctypes.c_void_p(lib.rocksdb_create_iterator(db, reads))
    found, size = [], ctypes.c_size_t()

    def bytes_of(what):
        at = getattr(lib, "rocksdb_iter_" + what)(each, ctypes.byref(size))
        return ctypes.string_at(at, size.value)

    lib.rocksdb_iter_seek_to_first(each)
    while lib.rocksdb_iter_valid(each):
        found.append((bytes_of("key"), bytes_of("value")))
        lib.rocksdb_iter_next(each)
    lib.rocksdb_iter_destroy(each)
    lib.rocksdb_close(db)
    lib.rocksdb_readoptions_destroy(reads)
    lib.rocksdb_options_destroy(options)
    return found
