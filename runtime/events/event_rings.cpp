#include "runtime/events/event_rings.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <new>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

namespace faultline::events {
namespace {
Error failed(const char* where) {
    const int sys = errno;
    return Error{sys == EWOULDBLOCK ? Errc::busy : Errc::io, static_cast<std::uint16_t>(sys),
                 where};
}

std::int64_t now_ns(clockid_t clock) {
    timespec t{};
    ::clock_gettime(clock, &t);
    return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

template <std::size_t N>
void put(char (&to)[N], std::string_view text) {
    const std::size_t n = std::min(text.size(), N - 1);
    std::memcpy(to, text.data(), n);
    to[n] = '\0';
}

std::string boot_id() {
    char text[37] = {};
    if (std::FILE* f = std::fopen("/proc/sys/kernel/random/boot_id", "r")) {
        (void)!std::fread(text, 1, 36, f);
        std::fclose(f);
    }
    return text;
}

// The log directory may be made here, before the broker opens it and finds it there: its name must
// survive a power cut as if the broker had made it. The open that follows says what is wrong.
void make_directories(const std::filesystem::path& path) {
    if (path.empty() || std::filesystem::exists(path)) return;
    const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : ".";
    if (parent != path) make_directories(parent);
    if (::mkdir(path.c_str(), 0755) != 0) return;
    const int fd = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)::fsync(fd);
    ::close(fd);
}

// A living process keeps its file locked. What a former one left is kept under another name.
Result<int> take_file(const std::string& path) {
    make_directories(std::filesystem::path(path).parent_path());
    const int before = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (before >= 0) {
        const bool ours = ::flock(before, LOCK_EX | LOCK_NB) == 0;
        const bool moved = ours && ::rename(path.c_str(), (path + ".old").c_str()) == 0;
        const auto error = failed("events.take");
        ::close(before);
        if (!moved) return error;
    }
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) return failed("events.create");
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    const auto error = failed("events.lock");
    ::close(fd);
    return error;
}
}  // namespace

class EventRings::ShardSink final : public probe::Sink {
public:
    ShardSink(std::byte* section, std::uint32_t events)
        : section_(reinterpret_cast<Section*>(section)),
          rings_{reinterpret_cast<Entry*>(section + sizeof(Section)),
                 reinterpret_cast<Entry*>(section + sizeof(Section)) + events},
          masks_{events - 1, kTurns - 1} {}

    void on(MonoTime at, NodeId, const probe::Event& event) override {
        const std::size_t ring = ring_of(event);
        const std::uint64_t number = section_->written[ring] + 1;
        Entry& entry = rings_[ring][(number - 1) & masks_[ring]];
        // A reader in another process takes no entry whose number changed under it.
        const std::atomic_ref<std::uint64_t> stamp(entry.number);
        stamp.store(0, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_release);
        entry.at = at;
        entry.event = event;
        stamp.store(number, std::memory_order_release);
        std::atomic_ref<std::uint64_t>(section_->written[ring])
            .store(number, std::memory_order_release);
    }

    probe::PartitionKey intern(std::string_view topic, PartitionIndex index) override {
        const auto found = keys_.find(std::pair{topic, index.v});
        if (found != keys_.end()) return found->second;
        if (section_->names == kMaxNames || topic.size() > kMaxTopic) return 0;
        Name& name = section_->name[section_->names];
        name.index = index.v;
        name.length = static_cast<std::uint16_t>(topic.size());
        put(name.topic, topic);
        const std::uint32_t key = section_->names + 1;
        std::atomic_ref<std::uint32_t>(section_->names).store(key, std::memory_order_release);
        keys_.emplace(std::pair{std::string(topic), index.v}, key);
        return key;
    }
    void reached(probe::Site) override {}
    bool perturb(probe::Site) override { return false; }

private:
    struct Less {
        using is_transparent = void;
        bool operator()(const auto& a, const auto& b) const {
            const std::string_view x = a.first, y = b.first;
            return x != y ? x < y : a.second < b.second;
        }
    };
    Section* section_;
    Entry* rings_[2];
    std::uint64_t masks_[2];
    std::map<std::pair<std::string, std::int32_t>, probe::PartitionKey, Less> keys_;
};

Result<std::unique_ptr<EventRings>> EventRings::open(const RingOptions& options) {
    const std::uint32_t events = std::bit_ceil(std::clamp(options.events, 16U, kMaxEvents));
    std::unique_ptr<EventRings> rings(new EventRings);
    FL_TRY(rings->fd_, take_file(options.path));
    rings->bytes_ = file_bytes(options.shards, events);
    if (::ftruncate(rings->fd_, static_cast<off_t>(rings->bytes_)) != 0)
        return failed("events.size");
    // The blocks are there before they are written: a full disk must not kill this process.
    if (const int full = ::posix_fallocate(rings->fd_, 0, static_cast<off_t>(rings->bytes_));
        full != 0) {
        errno = full;
        return failed("events.space");
    }
    void* map = ::mmap(nullptr, rings->bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, rings->fd_, 0);
    if (map == MAP_FAILED) return failed("events.map");
    rings->map_ = static_cast<std::byte*>(map);
    Header header{};
    header.version = kVersion;
    header.event_types = std::variant_size_v<probe::Event>;
    header.event_bytes = sizeof(probe::Event);
    header.shards = options.shards;
    header.events = events;
    header.node = options.node.v;
    header.pid = ::getpid();
    header.started_ns = now_ns(CLOCK_MONOTONIC);
    header.wall_offset_ns = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC);
    put(header.boot, boot_id());
    put(header.name, options.name);
    put(header.role, options.role);
    std::memcpy(header.magic, kMagic, sizeof kMagic);
    std::memcpy(rings->map_, &header, sizeof header);
    for (unsigned i = 0; i < options.shards; ++i) {
        std::byte* section = rings->map_ + page_up(sizeof(Header)) + i * section_bytes(events);
        rings->sinks_.push_back(std::make_unique<ShardSink>(section, events));
    }
    return rings;
}

probe::Sink* EventRings::sink(ShardId shard) { return sinks_.at(shard.v).get(); }

EventRings::~EventRings() {
    if (map_ != nullptr) ::munmap(map_, bytes_);
    if (fd_ >= 0) ::close(fd_);
}
}  // namespace faultline::events
