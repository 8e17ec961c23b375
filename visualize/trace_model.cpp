#include "visualize/trace_model.h"

#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/hash128.h"
#include "sim/trace/describe.h"

namespace faultline::visualize {
namespace {
enum Kind : std::uint64_t { kEnd, kLabel, kPartition, kCheckpoint, kEvents };
constexpr std::uint64_t kVersion = 2;

std::uint64_t name_hash(std::string_view text) {
    std::uint64_t h = 0xcbf29ce484222325ULL;
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return h;
}

// Reading stops at the first thing that is wrong: then every read gives 0 and the loops end.
class Reader {
public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    std::expected<Trace, TraceError> read() {
        head();
        if (!stopped_) types();
        if (stopped_) return std::unexpected(error_);
        while (!stopped_ && record()) {
        }
        if (stopped_ && !cut_) return std::unexpected(error_);
        trace_.complete = !stopped_;
        trace_.cut = error_;
        trace_.hash = hash_.hex();
        return std::move(trace_);
    }

private:
    void stop(std::uint64_t at, std::string what, bool cut) {
        if (stopped_) return;
        stopped_ = true;
        cut_ = cut;
        error_ = {std::move(what), at};
    }
    void damaged(std::uint64_t at, std::string what) { stop(at, std::move(what), false); }
    void ends(std::string_view inside) {
        stop(pos_, fmt::format("the file ends inside {}", inside), true);
    }

    std::uint64_t varint(std::string_view inside) {
        std::uint64_t value = 0;
        const std::uint64_t start = pos_;
        for (int shift = 0; shift < 70; shift += 7) {
            if (stopped_ || pos_ == bytes_.size()) {
                ends(inside);
                return 0;
            }
            const auto byte = static_cast<unsigned char>(bytes_[pos_++]);
            if (shift == 63 && byte > 1) break;
            value |= std::uint64_t{byte & 0x7fU} << shift;
            if (byte < 0x80) return value;
        }
        damaged(start, fmt::format("a number of more than 64 bits in {}", inside));
        return 0;
    }
    std::int64_t zigzag(std::string_view inside) {
        const std::uint64_t u = varint(inside);
        return static_cast<std::int64_t>(u >> 1 ^ (~(u & 1) + 1));
    }
    std::uint64_t fixed(int size, std::string_view inside) {
        if (stopped_ || bytes_.size() - pos_ < static_cast<std::size_t>(size)) {
            ends(inside);
            return 0;
        }
        std::uint64_t value = 0;
        for (int i = 0; i < size; ++i) {
            value |= std::uint64_t{static_cast<unsigned char>(bytes_[pos_++])} << (8 * i);
        }
        return value;
    }
    std::string_view string(std::string_view inside) {
        const std::uint64_t size = varint(inside);
        if (stopped_ || size > bytes_.size() - pos_) {
            ends(inside);
            return {};
        }
        const std::string_view text = bytes_.substr(pos_, size);
        pos_ += size;
        return text;
    }

    void head() {
        constexpr std::string_view kMagic = "FLTRACE\n";
        if (!kMagic.starts_with(bytes_.substr(0, 8))) {
            return damaged(0, "not a trace: it does not start with FLTRACE");
        }
        if (bytes_.size() < 8) return ends("the magic");
        pos_ = 8;
        const std::uint64_t version = fixed(4, "the version");
        if (!stopped_ && version != kVersion) {
            return damaged(8, fmt::format("trace version {}; this program reads version {}",
                                          version, kVersion));
        }
        const std::uint64_t at = pos_;
        trace_.head_json = string("the head");
        if (stopped_) return;
        const auto json = nlohmann::json::parse(trace_.head_json, nullptr, false);
        if (!json.is_object()) return damaged(at, "the head is not a JSON object");
        for (const auto& [key, value] : json.items()) {
            if (key == "scenario" && value.is_string()) trace_.scenario = value;
            if (key == "seed" && value.is_number_integer()) trace_.seed = value;
            if (key == "world" && value.is_string()) trace_.world = value;
            if (key == "began" && value.is_string()) trace_.began = value;
            if (key == "nodes") nodes(at, value);
            if (key == "apis") apis(at, value);
        }
    }

    void nodes(std::uint64_t at, const nlohmann::json& list) {
        for (const auto& node : list) {
            if (!node.is_object() || !node.contains("id") || !node["id"].is_number_integer() ||
                !node.contains("name") || !node["name"].is_string() || !node.contains("role") ||
                !node["role"].is_string()) {
                return damaged(at, "a node of the head has not id, name and role");
            }
            trace_.nodes.push_back({node["id"], node["name"], node["role"]});
        }
    }

    void apis(std::uint64_t at, const nlohmann::json& list) {
        for (const auto& [key, name] : list.items()) {
            std::int64_t number = 0;
            const auto end = std::from_chars(key.data(), key.data() + key.size(), number);
            if (end.ptr != key.data() + key.size() || end.ec != std::errc{} || !name.is_string()) {
                return damaged(at, "an api of the head is not a number and a name");
            }
            trace_.apis[number] = name;
        }
    }

    FieldType field_type() {
        FieldType field;
        field.name = string("the event types");
        const std::uint64_t at = pos_;
        const std::string_view type = string("the event types");
        if (type == "int") {
            field.kind = FieldKind::number;
        } else if (type == "bool") {
            field.kind = FieldKind::boolean;
        } else if (type == "node") {
            field.kind = FieldKind::node;
        } else if (type == "partition") {
            field.kind = FieldKind::partition;
        } else if (type == "label") {
            field.kind = FieldKind::label;
        } else if (type == "offset") {
            field.kind = FieldKind::offset;
        } else if (type == "epoch") {
            field.kind = FieldKind::epoch;
        } else if (type.starts_with("enum:")) {
            field.kind = FieldKind::choice;
            for (std::size_t from = 5; from <= type.size();) {
                const std::size_t to = std::min(type.find(',', from), type.size());
                field.choices.emplace_back(type.substr(from, to - from));
                from = to + 1;
            }
        } else {
            damaged(at, fmt::format("a field of unknown type '{}'", type));
        }
        return field;
    }

    void types() {
        const std::uint64_t count = varint("the event types");
        for (std::uint64_t i = 0; i < count && !stopped_; ++i) {
            EventType type;
            type.name = string("the event types");
            const std::uint64_t fields = varint("the event types");
            for (std::uint64_t f = 0; f < fields && !stopped_; ++f) {
                type.fields.push_back(field_type());
                if (type.fields.back().name == "node") type.node_field = static_cast<int>(f);
            }
            type_hashes_.push_back(name_hash(type.name));
            trace_.types.push_back(std::move(type));
        }
        trace_.labels.emplace_back();
        trace_.partitions.emplace_back();
        label_hashes_.push_back(0);
        partition_hashes_.push_back(0);
    }

    bool record() {
        const std::uint64_t start = pos_;
        const std::uint64_t kind = varint("a record's kind");
        if (stopped_) return false;
        switch (kind) {
            case kEnd: end(start); return false;
            case kLabel: label(); break;
            case kPartition: partition(); break;
            case kCheckpoint:
                if (const auto low = fixed(8, "a checkpoint record");
                    !stopped_ && low != hash_.low()) {
                    damaged(start,
                            "the events since the last checkpoint are not those that were "
                            "written: the hash differs");
                }
                break;
            default: event(start, kind - kEvents);
        }
        return true;
    }

    void label() {
        const std::string_view text = string("a label record");
        if (stopped_) return;
        trace_.labels.emplace_back(text);
        label_hashes_.push_back(name_hash(text));
    }

    void partition() {
        const std::string topic(string("a partition record"));
        const std::int64_t index = zigzag("a partition record");
        if (stopped_) return;
        trace_.partitions.push_back({topic, index, fmt::format("{}-{}", topic, index)});
        partition_hashes_.push_back(name_hash(trace_.partitions.back().text));
    }

    void end(std::uint64_t start) {
        const std::uint64_t count = varint("the end record");
        const std::uint64_t high = fixed(8, "the end record");
        const std::uint64_t low = fixed(8, "the end record");
        if (stopped_) return;
        if (count != trace_.events.size()) {
            damaged(start, fmt::format("the end record says {} events, the file has {}", count,
                                       trace_.events.size()));
        }
        if (high != hash_.high() || low != hash_.low()) {
            damaged(start, "the events are not those that were written: the hash differs");
        }
        if (pos_ != bytes_.size()) damaged(pos_, "bytes after the end record");
    }

    void event(std::uint64_t start, std::uint64_t index) {
        if (index >= trace_.types.size()) {
            return damaged(start, fmt::format("an event of type {}, but there are only {} types",
                                              index, trace_.types.size()));
        }
        const EventType& type = trace_.types[index];
        const auto delta = static_cast<std::uint64_t>(zigzag(type.name));
        const Ns at = static_cast<Ns>(static_cast<std::uint64_t>(last_) + delta);
        const std::uint64_t where = pos_;
        const std::uint64_t back = varint(type.name);
        const std::uint64_t number = trace_.events.size() + 1;
        if (!stopped_ && back >= number) {
            return damaged(where, fmt::format("event {} is caused by what was {} events before it",
                                              number, back));
        }
        const std::size_t first = trace_.values.size();
        for (const FieldType& field : type.fields) value(type, field);
        if (stopped_) return trace_.values.resize(first);  // not whole: did not happen
        last_ = at;
        const std::uint64_t cause = back == 0 ? 0 : number - back;
        trace_.events.push_back({at, static_cast<std::uint32_t>(index), first,
                                 cause == 0 ? kNoCause : static_cast<std::uint32_t>(cause - 1)});
        hash_.add(type_hashes_[index]);
        hash_.add(static_cast<std::uint64_t>(at));
        hash_.add(cause);
        for (std::size_t i = 0; i < type.fields.size(); ++i) {
            const auto v = static_cast<std::uint64_t>(trace_.values[first + i]);
            const FieldKind kind = type.fields[i].kind;
            hash_.add(kind == FieldKind::label       ? label_hashes_[v]
                      : kind == FieldKind::partition ? partition_hashes_[v]
                                                     : v);
        }
    }

    void value(const EventType& type, const FieldType& field) {
        const std::uint64_t at = pos_;
        const std::int64_t v = zigzag(type.name);
        if (stopped_) return;
        std::uint64_t limit = UINT64_MAX;
        if (field.kind == FieldKind::label) limit = trace_.labels.size();
        if (field.kind == FieldKind::partition) limit = trace_.partitions.size();
        if (field.kind == FieldKind::choice) limit = field.choices.size();
        if (field.kind == FieldKind::boolean) limit = 2;
        if (limit != UINT64_MAX && static_cast<std::uint64_t>(v) >= limit) {
            damaged(at, fmt::format("{}.{} is {}, but there are only {} of its kind", type.name,
                                    field.name, v, limit));
        }
        trace_.values.push_back(v);
    }

    std::string_view bytes_;
    std::uint64_t pos_ = 0;
    bool stopped_ = false, cut_ = false;
    TraceError error_{};
    Ns last_ = 0;
    Trace trace_;
    Hash128 hash_;
    std::vector<std::uint64_t> type_hashes_, label_hashes_, partition_hashes_;
};
}  // namespace

std::string to_string(const TraceError& e) { return fmt::format("byte {}: {}", e.offset, e.what); }

std::expected<Trace, TraceError> read_trace(std::string_view bytes) { return Reader(bytes).read(); }

std::int64_t Trace::get(const Event& event, std::string_view name, std::int64_t otherwise) const {
    const auto& list = types[event.type].fields;
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i].name == name) return values[event.first + i];
    }
    return otherwise;
}

const std::string& Trace::label(std::int64_t id) const {
    const auto i = static_cast<std::uint64_t>(id);
    return labels[i < labels.size() ? i : 0];
}

std::string Trace::node_name(std::int64_t id) const {
    for (const NodeHead& node : nodes) {
        if (node.id == id) return node.name;
    }
    return fmt::format("node {}", id);
}

std::string Trace::api_name(std::int64_t key) const {
    const auto it = apis.find(key);
    return it != apis.end() ? it->second : fmt::format("api {}", key);
}

std::string Trace::text(const FieldType& type, std::int64_t value) const {
    switch (type.kind) {
        case FieldKind::boolean: return value != 0 ? "true" : "false";
        case FieldKind::node: return node_name(value);
        case FieldKind::partition: return partitions[static_cast<std::size_t>(value)].text;
        case FieldKind::label: return label(value);
        case FieldKind::choice: return type.choices[static_cast<std::size_t>(value)];
        case FieldKind::number:
            if (sim::is_id_set(type.name)) return sim::id_set(static_cast<std::uint64_t>(value));
            break;
        case FieldKind::offset:
        case FieldKind::epoch: break;
    }
    return std::to_string(value);
}

std::string Trace::describe(const Event& event) const {
    const EventType& type = types[event.type];
    std::string out = type.name;
    for (std::size_t i = 0; i < type.fields.size(); ++i) {
        out += fmt::format(" {}={}", type.fields[i].name, text(type.fields[i], fields(event)[i]));
    }
    return out;
}

std::string event_sentence(const Trace& trace, const Event& event) {
    const EventType& type = trace.types[event.type];
    std::string_view rest = sim::sentence_pattern(type.name);
    if (rest.empty()) return trace.describe(event);
    std::string out;
    while (true) {
        const auto open = rest.find('{');
        out += rest.substr(0, open);
        if (open == std::string_view::npos) return out;
        const auto close = rest.find('}', open);
        const std::string_view field = rest.substr(open + 1, close - open - 1);
        for (std::size_t i = 0; i < type.fields.size(); ++i) {
            if (type.fields[i].name != field) continue;
            const std::int64_t value = trace.fields(event)[i];
            // People count faults from one, as the story does.
            out += field == "fault" ? std::to_string(value + 1) : trace.text(type.fields[i], value);
        }
        rest.remove_prefix(close + 1);
    }
}

std::string seconds(Ns at) {
    return fmt::format("{}.{:03} s", at / 1'000'000'000, at / 1'000'000 % 1000);
}

std::string grouped_count(std::size_t n) {
    std::string digits = std::to_string(n);
    for (std::ptrdiff_t i = std::ssize(digits) - 3; i > 0; i -= 3)
        digits.insert(static_cast<std::size_t>(i), ",");
    return digits;
}
}  // namespace faultline::visualize
