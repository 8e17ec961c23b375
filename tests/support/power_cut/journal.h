// What power_cut.cpp writes down: changes of files below a root, in order, and what was synced.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace faultline::power_cut {

// Numbers are in the files: power_cut.py reads them.
enum class Kind : std::uint32_t { write = 1, truncate, sync, create, mkdir, rename, unlink, rmdir };

struct Entry {
    Kind kind{};
    std::uint64_t inode = 0;      // whose data; of a sync: the file or directory
    std::uint64_t dir = 0;        // in which a name comes or goes
    std::uint64_t other_dir = 0;  // rename: where it was
    std::uint64_t
        off = 0,
        len = 0;  // write: the range. truncate: the new size. sync: of changes up to this number
    std::uint64_t size_before = 0;  // of the file
    std::string path = {}, path2 = {};
    std::string data = {};  // what stood there, or the name under which a removed file is kept
};

// One per process, in a file of its own; those of a node's earlier processes stay beside it.
class Journal {
public:
    static Journal& get();
    using Lock = std::lock_guard<Journal>;
    void lock() { mutex_.lock(); }
    void unlock() { mutex_.unlock(); }

    // The root itself too: names in it come and go.
    bool below_root(const std::string& path) const;
    // Descriptors of what was opened below the root.
    void track(int fd, std::uint64_t inode, int open_flags);
    void forget(int fd);
    void copy(int from, int to);
    bool tracks(int fd) const { return word(fd) != 0; }
    bool appends(int fd) const { return (word(fd) & kAppends) != 0; }
    bool writes_through(int fd) const { return (word(fd) & kWritesThrough) != 0; }
    std::uint64_t inode(int fd) const { return word(fd) & ~(kAppends | kWritesThrough); }

    // The rest requires the lock. Ends the process when the journal cannot be written: what follows
    // would be a lie.
    void put(const Entry& entry);
    void synced(std::uint64_t inode, std::uint64_t up_to);
    std::uint64_t last() const { return last_; }
    // Gives a file that is about to lose its name another one, next to the journal, and returns
    // that; "" when there is no such file.
    std::string bury(const std::string& path);

private:
    static constexpr std::uint64_t kAppends = std::uint64_t{1} << 63,
                                   kWritesThrough = std::uint64_t{1} << 62;
    static constexpr int kMostFiles = 1 << 20;
    Journal();
    std::uint64_t word(int fd) const;

    std::mutex mutex_;
    std::string root_, dir_;
    int file_ = -1;
    int number_ = 0;          // of this process's journal
    std::uint64_t last_ = 0;  // number of the entry written last
    std::uint64_t buried_ = 0;
    std::unique_ptr<std::atomic<std::uint64_t>[]> files_;  // by descriptor; null: not active
};

std::string read_range(int fd, std::uint64_t off, std::uint64_t len);
}  // namespace faultline::power_cut
