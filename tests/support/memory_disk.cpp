#include "tests/support/memory_disk.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/fiber/scheduler.h"

namespace faultline::test {
namespace {
constexpr std::size_t kSector = 512, kPage = 4096;

class MemoryLock final : public DirLock {
public:
    MemoryLock(std::set<std::string>& locks, std::string path)
        : locks_(locks), path_(std::move(path)) {}
    ~MemoryLock() override { locks_.erase(path_); }

private:
    std::set<std::string>& locks_;
    std::string path_;
};
}  // namespace

class MemoryFile final : public File {
public:
    MemoryFile(MemoryDisk& disk, std::string path, MemoryDisk::InodeRef inode)
        : disk_(disk), path_(std::move(path)), inode_(std::move(inode)) {}

    Result<IoBuf> read(std::uint64_t off, std::size_t len) override {
        FL_CHECK(disk_.step());
        const std::string& b = inode_->bytes;
        if (off >= b.size()) return IoBuf{};
        return IoBuf::copy_of(as_bytes(std::string_view(b).substr(off, len)));
    }
    Result<void> write(std::uint64_t off, const IoBuf& data) override {
        FL_CHECK(disk_.step());
        ++disk_.writes_;
        if (inode_->poisoned) return Error{Errc::io, 5, "disk.write"};
        const std::string bytes = data.copy_string();
        std::string& b = inode_->bytes;
        const std::uint64_t grows =
            off + bytes.size() > b.size() ? off + bytes.size() - b.size() : 0;
        const std::uint64_t used = disk_.used();
        const std::uint64_t room = disk_.capacity_ > used ? disk_.capacity_ - used : 0;
        const bool full = grows > room;
        const std::size_t n = full ? bytes.size() - (grows - room) : bytes.size();
        if (b.size() < off + n) b.resize(off + n, '\0');
        b.replace(off, n, bytes, 0, n);
        if (full) return Error{Errc::no_space, 28, "disk.write"};
        return {};
    }
    Result<void> sync(SyncMode) override {
        if (disk_.sync_time_.count() > 0) {
            auto& fibers = fiber::Scheduler::current();
            (void)fibers.sleep_until({fibers.now() + disk_.sync_time_});
        }
        FL_CHECK(disk_.step());
        ++disk_.syncs_;
        const bool fails = !disk_.fail_sync_.empty() && path_.ends_with(disk_.fail_sync_);
        inode_->poisoned |= fails;
        if (inode_->poisoned) return Error{Errc::io, 5, "disk.sync"};
        inode_->durable = inode_->bytes;
        return {};
    }
    Result<void> reload() override { return sync(SyncMode::data); }
    Result<void> truncate(std::uint64_t size) override {
        FL_CHECK(disk_.step());
        if (inode_->poisoned) return Error{Errc::io, 5, "disk.truncate"};
        inode_->bytes.resize(size, '\0');
        return {};
    }
    Result<void> preallocate(std::uint64_t) override { return disk_.step(); }
    Result<std::uint64_t> size() override {
        FL_CHECK(disk_.step());
        return inode_->bytes.size();
    }

private:
    MemoryDisk& disk_;
    std::string path_;
    MemoryDisk::InodeRef inode_;
};

MemoryDisk::MemoryDisk() : dirs_{"."}, durable_dirs_{"."} {}

Result<void> MemoryDisk::step() {
    if (yields_) fiber::Scheduler::current().yield();
    if (stopped()) return Error{Errc::cancelled, 0, "disk.stopped"};
    ++ops_;
    return {};
}

std::uint64_t MemoryDisk::used() const {
    std::uint64_t sum = 0;
    for (const auto& [path, inode] : files_) sum += inode->bytes.size();
    return sum;
}

void MemoryDisk::apply(const DirOp& op, std::map<std::string, InodeRef>& files,
                       std::set<std::string>& dirs) {
    const auto inside = [](const std::string& path, const std::string& dir) {
        return path.starts_with(dir + "/");
    };
    switch (op.kind) {
        case DirOp::Kind::link: files[op.path] = op.inode; break;
        case DirOp::Kind::unlink: files.erase(op.path); break;
        case DirOp::Kind::mkdir: dirs.insert(op.path); break;
        case DirOp::Kind::rmdir: dirs.erase(op.path); break;
        case DirOp::Kind::rename:
            if (auto at = files.find(op.path); at != files.end()) {
                const InodeRef inode = at->second;
                files.erase(at);
                files[op.to] = inode;
            } else if (dirs.contains(op.path)) {
                std::map<std::string, InodeRef> moved;
                for (auto it = files.begin(); it != files.end();) {
                    const bool in = inside(it->first, op.path);
                    moved[in ? op.to + it->first.substr(op.path.size()) : it->first] = it->second;
                    it = files.erase(it);
                }
                files = std::move(moved);
                dirs.erase(op.path);
                dirs.insert(op.to);
            }
            break;
    }
}

Result<FileRef> MemoryDisk::open(const std::string& path, OpenMode mode) {
    FL_CHECK(step());
    auto at = files_.find(path);
    if (at == files_.end()) {
        if (mode == OpenMode::read || mode == OpenMode::read_write ||
            !dirs_.contains(parent_of(path)))
            return Error{Errc::not_found, 2, "disk.open"};
        const DirOp op{DirOp::Kind::link, path, "", std::make_shared<Inode>()};
        apply(op, files_, dirs_);
        pending_.push_back(op);
        at = files_.find(path);
    } else if (mode == OpenMode::create_new) {
        return Error{Errc::exists, 17, "disk.open"};
    }
    return FileRef(std::make_shared<MemoryFile>(*this, path, at->second));
}

Result<void> MemoryDisk::remove(const std::string& path) {
    FL_CHECK(step());
    DirOp op{DirOp::Kind::unlink, path, "", nullptr};
    if (dirs_.contains(path)) {
        op.kind = DirOp::Kind::rmdir;
    } else if (!files_.contains(path)) {
        return Error{Errc::not_found, 2, "disk.remove"};
    }
    apply(op, files_, dirs_);
    pending_.push_back(op);
    return {};
}

Result<void> MemoryDisk::rename(const std::string& from, const std::string& to) {
    FL_CHECK(step());
    if (!files_.contains(from) && !dirs_.contains(from)) {
        return Error{Errc::not_found, 2, "disk.rename"};
    }
    const DirOp op{DirOp::Kind::rename, from, to, nullptr};
    apply(op, files_, dirs_);
    pending_.push_back(op);
    return {};
}

Result<void> MemoryDisk::create_dir(const std::string& path) {
    FL_CHECK(step());
    if (dirs_.contains(path)) return Error{Errc::exists, 17, "disk.create_dir"};
    if (!dirs_.contains(parent_of(path))) return Error{Errc::not_found, 2, "disk.create_dir"};
    const DirOp op{DirOp::Kind::mkdir, path, "", nullptr};
    apply(op, files_, dirs_);
    pending_.push_back(op);
    return {};
}

Result<std::vector<DirEntry>> MemoryDisk::list(const std::string& path) {
    FL_CHECK(step());
    if (!dirs_.contains(path)) return Error{Errc::not_found, 2, "disk.list"};
    std::map<std::string, DirEntry> found;
    for (const auto& [name, inode] : files_) {
        if (parent_of(name) == path) {
            const std::string leaf = path == "." ? name : name.substr(path.size() + 1);
            found[leaf] = {leaf, false, inode->bytes.size()};
        }
    }
    for (const std::string& dir : dirs_) {
        if (dir != "." && parent_of(dir) == path) {
            const std::string leaf = path == "." ? dir : dir.substr(path.size() + 1);
            found[leaf] = {leaf, true, 0};
        }
    }
    std::vector<DirEntry> out;
    for (auto& [name, entry] : found) out.push_back(entry);
    return out;
}

Result<void> MemoryDisk::sync_dir(const std::string& path) {
    FL_CHECK(step());
    if (!dirs_.contains(path)) return Error{Errc::not_found, 2, "disk.sync_dir"};
    std::vector<DirOp> left;
    for (const DirOp& op : pending_) {
        if (parent_of(op.path) == path) {
            apply(op, durable_files_, durable_dirs_);
        } else {
            left.push_back(op);
        }
    }
    pending_ = std::move(left);
    return {};
}

Result<std::unique_ptr<DirLock>> MemoryDisk::lock(const std::string& path) {
    FL_CHECK(step());
    if (!locks_.insert(path).second) return Error{Errc::busy, 11, "disk.lock"};
    return std::unique_ptr<DirLock>(std::make_unique<MemoryLock>(locks_, path));
}

Result<Disk::Usage> MemoryDisk::usage(const std::string&) {
    FL_CHECK(step());
    return Usage{capacity_ > used() ? capacity_ - used() : 0, capacity_};
}

void MemoryDisk::crash(Survives what, std::uint64_t seed) {
    Rng rng(seed);
    for (const DirOp& op : pending_) {
        const bool keep = what == Survives::all || (what == Survives::torn && rng.chance(1, 2));
        if (keep) apply(op, durable_files_, durable_dirs_);
    }
    pending_.clear();
    // A file whose directory was never made durable is gone with it.
    std::erase_if(durable_files_,
                  [&](const auto& f) { return !durable_dirs_.contains(parent_of(f.first)); });
    for (auto& [path, inode] : durable_files_) {
        std::string& now = inode->bytes;
        const std::string& old = inode->durable;
        if (what == Survives::synced_only) now = old;
        if (what == Survives::torn && now != old) {
            std::string mix = old;
            const std::size_t low = std::min(old.size(), now.size());
            const std::size_t high = std::max(old.size(), now.size());
            const std::size_t size = now.size() < old.size() ? (rng.chance(1, 2) ? low : high)
                                                             : low + rng.below(high - low + 1);
            mix.resize(size, '\0');
            for (std::size_t page = 0; page < size; page += kPage) {
                const std::size_t sectors = rng.below(3);  // 0: none, 1: some, 2: all
                for (std::size_t at = page; at < std::min(size, page + kPage); at += kSector) {
                    const bool keep = sectors == 2 || (sectors == 1 && rng.chance(1, 2));
                    for (std::size_t i = at; keep && i < std::min({at + kSector, size, now.size()});
                         ++i)
                        mix[i] = now[i];
                }
            }
            now = mix;
        }
        inode->durable = now;
        inode->poisoned = false;
    }
    files_ = durable_files_;
    dirs_ = durable_dirs_;
    locks_.clear();
    stop_at_ = UINT64_MAX;
}

std::string MemoryDisk::content(const std::string& path) const {
    const auto at = files_.find(path);
    return at == files_.end() ? std::string() : at->second->bytes;
}

void MemoryDisk::put(const std::string& path, std::string bytes) {
    for (std::string dir = parent_of(path); dir != "."; dir = parent_of(dir)) {
        dirs_.insert(dir);
        durable_dirs_.insert(dir);
    }
    auto inode = std::make_shared<Inode>();
    inode->bytes = inode->durable = std::move(bytes);
    files_[path] = durable_files_[path] = inode;
}

void MemoryDisk::flip_bit(const std::string& path, std::uint64_t byte, unsigned bit) {
    const auto at = files_.find(path);
    FL_ASSERT(at != files_.end() && byte < at->second->bytes.size());
    at->second->bytes[byte] = static_cast<char>(at->second->bytes[byte] ^ (1U << bit));
    if (byte < at->second->durable.size()) at->second->durable[byte] = at->second->bytes[byte];
}

std::vector<std::string> MemoryDisk::paths() const {
    std::vector<std::string> out;
    for (const auto& [path, inode] : files_) out.push_back(path);
    return out;
}
}  // namespace faultline::test
