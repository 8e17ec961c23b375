// A node's directory tree. Every method may park the fiber.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/iobuf.h"
#include "core/base/result.h"

namespace faultline {

enum class OpenMode : std::uint8_t {
    read,        // not_found when missing
    read_write,  // not_found when missing
    create,      // read and write; made when missing
    create_new,  // read and write; exists when present
};
enum class SyncMode : std::uint8_t { data, data_and_metadata };

// DURABILITY CONTRACT: what the simulator enforces and what callers may rely on.
//  * write() and then a crash: any prefix, any subset of 4 KiB pages, or nothing may survive, and
//    the last page may be torn at any multiple of 512 bytes.
//  * sync() returned ok: everything written before the call survives a crash.
//  * sync() failed once: the file is poisoned, every later write and sync returns Errc::io, through
//    every handle. Reopening, reload() and reading is the only way to learn what is on disk.
//  * create, rename and remove survive a crash only after sync_dir(parent).
//  * reads may return corrupt bytes without an error; checksums are the caller's job.
class File {
public:
    virtual ~File() = default;  // closes; never parks, never reports
    // Short only at the end of the file. io.
    virtual Result<IoBuf> read(std::uint64_t off, std::size_t len) = 0;
    // Gathers; all of it or an error. After no_space any prefix may be in the file. io, no_space.
    virtual Result<void> write(std::uint64_t off, const IoBuf& data) = 0;
    virtual Result<void> sync(SyncMode) = 0;
    // Writes back what is dirty and forgets what is cached, so that reads return what the disk
    // holds. After a failed sync, of an earlier process too, the cache may show bytes that the disk
    // never got and that the next power loss takes away (Rebello et al., USENIX ATC 2020). io.
    virtual Result<void> reload() = 0;
    // Cuts, or grows with zeros.
    virtual Result<void> truncate(std::uint64_t size) = 0;
    // Reserves blocks without changing size(), where the file system can; else does nothing.
    virtual Result<void> preallocate(std::uint64_t size) = 0;
    virtual Result<std::uint64_t> size() = 0;
};
using FileRef = std::shared_ptr<File>;  // a removed file stays readable until its last reference

struct FileSlice {  // what sendfile sends
    FileRef file;
    std::uint64_t off = 0;
    std::uint64_t len = 0;
};

struct DirEntry {
    std::string name;
    bool is_dir = false;
    std::uint64_t size = 0;
    friend bool operator==(const DirEntry&, const DirEntry&) = default;
};

// Held exclusively until destroyed, or until the process dies.
class DirLock {
public:
    virtual ~DirLock() = default;
};

// Paths are relative to the node's root, separated by '/', without "." and "..". A path may be
// absolute in the POSIX world, where the operator names directories.
class Disk {
public:
    virtual ~Disk() = default;
    virtual Result<FileRef> open(const std::string& path, OpenMode) = 0;
    virtual Result<void> remove(const std::string& path) = 0;  // a file or an empty directory
    virtual Result<void> rename(const std::string& from, const std::string& to) = 0;  // atomic
    virtual Result<void> create_dir(const std::string& path) = 0;             // exists when present
    virtual Result<std::vector<DirEntry>> list(const std::string& path) = 0;  // sorted by name
    virtual Result<void> sync_dir(const std::string& path) = 0;
    // Makes and locks the file `path`. busy when another process holds it.
    virtual Result<std::unique_ptr<DirLock>> lock(const std::string& path) = 0;
    struct Usage {
        std::uint64_t free = 0, total = 0;
    };
    virtual Result<Usage> usage(const std::string& path) = 0;
};

// Helpers made of the primitives above, so that a simulated crash can fall between any two steps.
// Writes `path`.tmp, syncs it, renames it over `path`, syncs the directory.
Result<void> replace_file(Disk&, const std::string& path, const IoBuf& content);
// The whole file. too_large when it is over `limit` bytes.
Result<IoBuf> read_file(Disk&, const std::string& path, std::size_t limit);
// Makes a directory and its missing parents, and syncs each parent. An existing one is fine.
Result<void> create_dirs(Disk&, const std::string& path);
// "a/b" of "a/b/c"; "." of "c".
std::string parent_of(const std::string& path);
}  // namespace faultline
