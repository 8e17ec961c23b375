#include "runtime/events/ring_reader.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/file.h>
#include <unistd.h>

#include <fmt/format.h>

namespace faultline::events {
namespace {
class File {
public:
    explicit File(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    bool ok() const { return fd_ >= 0; }
    bool read(std::size_t at, void* to, std::size_t bytes) const {
        auto* out = static_cast<char*>(to);
        while (bytes > 0) {
            const ssize_t n = ::pread(fd_, out, bytes, static_cast<off_t>(at));
            if (n <= 0) return false;
            out += n;
            at += static_cast<std::size_t>(n);
            bytes -= static_cast<std::size_t>(n);
        }
        return true;
    }
    bool locked_by_another() const {
        if (::flock(fd_, LOCK_SH | LOCK_NB) != 0) return true;
        ::flock(fd_, LOCK_UN);
        return false;
    }

private:
    int fd_;
};

// "" when it is one that this program understands.
std::string wrong_with(const Header& h) {
    if (std::memcmp(h.magic, kMagic, sizeof kMagic) != 0) return "is no file of event rings";
    if (h.version != kVersion || h.event_types != std::variant_size_v<probe::Event> ||
        h.event_bytes != sizeof(probe::Event))
        return "was written by another version of Faultline; its own `faultline` reads it";
    if (h.shards == 0 || h.shards > kMaxShards || h.events > kMaxEvents ||
        !std::has_single_bit(h.events))
        return "is damaged";
    return "";
}

// The kind of an event as it lies in the file is checked before anything looks at it.
bool whole(const Entry& e, std::uint64_t number) {
    return e.number == number && e.event.index() < std::variant_size_v<probe::Event>;
}

void take_ring(const std::vector<Entry>& ring, std::uint64_t before, std::uint64_t after,
               RingFile::Shard& out) {
    const std::uint64_t size = ring.size();
    // What was written while it was read may have taken the place of what was there before. The one
    // that comes after the last is no exception: it may have been half there when its place was
    // copied, under the number of the one before, so a ring that is full begins one later. A place
    // is written anew only when its counter tells of the entry before (event_rings.cpp), so those
    // that are left lay still from the first look at the counter to the second.
    const std::uint64_t first = after >= size ? after - size + 1 : 0;
    out.forgotten += first;
    for (std::uint64_t number = first + 1; number <= before; ++number) {
        const Entry& e = ring[(number - 1) % size];
        if (whole(e, number)) out.entries.push_back(e);
    }
}

bool read_shard(const File& file, std::size_t at, std::uint32_t events, RingFile::Shard& out) {
    const auto before = std::make_unique<Section>(), after = std::make_unique<Section>();
    std::vector<Entry> routine(events), turns(kTurns);
    const std::size_t entries = at + sizeof(Section);
    if (!file.read(at, before.get(), sizeof *before) ||
        !file.read(entries, routine.data(), routine.size() * sizeof(Entry)) ||
        !file.read(entries + routine.size() * sizeof(Entry), turns.data(),
                   turns.size() * sizeof(Entry)) ||
        !file.read(at, after.get(), sizeof *after))
        return false;
    if (after->names > kMaxNames) return false;
    for (std::uint32_t i = 0; i < after->names; ++i) {
        const Name& n = after->name[i];
        if (n.length > kMaxTopic) return false;
        out.partitions.push_back({std::string(n.topic, n.length), n.index});
    }
    take_ring(routine, before->written[0], after->written[0], out);
    take_ring(turns, before->written[1], after->written[1], out);
    std::ranges::stable_sort(out.entries, {}, [](const Entry& e) { return e.at.ns; });
    return true;
}
}  // namespace

bool is_ring_file(const std::string& path) {
    char magic[sizeof kMagic];
    const File file(path);
    return file.ok() && file.read(0, magic, sizeof magic) &&
           std::memcmp(magic, kMagic, sizeof magic) == 0;
}

std::expected<RingFile, std::string> read_ring_file(const std::string& path) {
    const File file(path);
    if (!file.ok()) return std::unexpected(fmt::format("{}: cannot be read", path));
    RingFile out;
    if (!file.read(0, &out.header, sizeof out.header))
        return std::unexpected(fmt::format("{}: is no file of event rings", path));
    Header& h = out.header;
    h.name[sizeof h.name - 1] = h.role[sizeof h.role - 1] = h.boot[sizeof h.boot - 1] = '\0';
    if (const std::string wrong = wrong_with(h); !wrong.empty())
        return std::unexpected(fmt::format("{}: {}", path, wrong));
    out.alive = file.locked_by_another();
    for (std::uint32_t i = 0; i < h.shards; ++i) {
        const std::size_t at = page_up(sizeof(Header)) + i * section_bytes(h.events);
        if (!read_shard(file, at, h.events, out.shards.emplace_back()))
            return std::unexpected(fmt::format("{}: ends before its last shard", path));
    }
    return out;
}
}  // namespace faultline::events
