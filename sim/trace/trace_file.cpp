#include "sim/trace/trace_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sim/trace/fields.h"

namespace faultline::sim {
namespace {
enum Kind : std::uint64_t { kEnd, kLabel, kPartition, kCheckpoint, kEvents };
constexpr std::uint32_t kVersion = 2;

Error io_error(int sys, const char* where) {
    return Error{Errc::io, static_cast<std::uint16_t>(sys), where};
}
}  // namespace

TraceFile::TraceFile(std::FILE* file) : file_(file), buffer_(new char[kBuffer]) {
    std::setvbuf(file_, nullptr, _IONBF, 0);  // ours is the buffer
}

TraceFile::~TraceFile() {
    if (file_ == nullptr) return;
    flush();  // without an end record: readers see an incomplete trace
    std::fclose(file_);
}

Result<std::unique_ptr<TraceFile>> TraceFile::create(std::string_view path,
                                                     std::string_view head_json) {
    std::FILE* file = std::fopen(std::string(path).c_str(), "wb");
    if (file == nullptr) return io_error(errno, "trace.create");
    std::unique_ptr<TraceFile> trace(new TraceFile(file));
    std::memcpy(trace->buffer_.get(), "FLTRACE\n", 8);
    trace->used_ = 8;
    trace->fixed(kVersion, 4);
    trace->string(head_json);
    trace->types();
    return trace;
}

void TraceFile::types() {
    varint(std::variant_size_v<probe::Event> + std::variant_size_v<SimEvent>);
    const auto one = [this](bool of_core) {
        return [this, of_core]<class E>(std::type_identity<E>) {
            string(EventInfo<E>::name);
            varint(EventInfo<E>::count + (of_core ? 1 : 0));
            if (of_core) {  // the node that emitted it
                string("node");
                string(field_type<NodeId>("node"));
            }
            E event{};
            for_each_field(event, [this]<class T>(std::string_view name, const T&) {
                string(name);
                string(field_type<T>(name));
            });
        };
    };
    for_each_core_event(one(true));
    for_each_world_event(one(false));
}

void TraceFile::fixed(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) buffer_[used_++] = static_cast<char>(value >> (8 * i));
}

void TraceFile::string(std::string_view text) {
    reserve(10);
    varint(text.size());
    while (!text.empty()) {
        reserve(1);
        const std::size_t n = std::min(text.size(), kBuffer - used_);
        std::memcpy(buffer_.get() + used_, text.data(), n);
        used_ += n;
        text.remove_prefix(n);
    }
    reserve(64);
}

void TraceFile::label(std::string_view text) {
    reserve(10);
    varint(kLabel);
    string(text);
}

void TraceFile::partition(std::string_view topic, PartitionIndex index) {
    reserve(10);
    varint(kPartition);
    string(topic);
    field(index.v);
}

void TraceFile::begin_event(std::size_t type, MonoTime at, std::uint64_t back) {
    reserve(kLargestEvent);
    varint(kEvents + type);
    field(at.ns - last_ns_);
    last_ns_ = at.ns;
    varint(back);
}

void TraceFile::checkpoint(const Hash128& hash) {
    reserve(kLargestEvent);
    varint(kCheckpoint);
    fixed(hash.low(), 8);
}

Result<void> TraceFile::end(std::uint64_t events, const Hash128& hash) {
    reserve(kLargestEvent);
    varint(kEnd);
    varint(events);
    fixed(hash.high(), 8);
    fixed(hash.low(), 8);
    flush();
    if (std::fclose(file_) != 0 && error_ == 0) error_ = errno;
    file_ = nullptr;
    if (error_ != 0) return io_error(error_, "trace.write");
    return {};
}

void TraceFile::flush() {
    if (used_ != 0 && error_ == 0 && std::fwrite(buffer_.get(), 1, used_, file_) != used_) {
        error_ = errno != 0 ? errno : EIO;
    }
    used_ = 0;
}
}  // namespace faultline::sim
