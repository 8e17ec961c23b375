#include "sim/trace/recorder.h"

#include <utility>

#include "core/base/assert.h"
#include "sim/trace/fields.h"
#include "sim/trace/trace_file.h"

namespace faultline::sim {

Recorder::Recorder() = default;
Recorder::~Recorder() = default;

Result<void> Recorder::write_to(std::string_view path, std::string_view head_json) {
    FL_ASSERT(events_ == 0 && file_ == nullptr);
    FL_TRY(file_, TraceFile::create(path, head_json));
    for (const auto& label : names_.labels()) file_->label(label.text);
    for (const auto& p : names_.partitions()) file_->partition(p.topic, p.index);
    return {};
}

Result<void> Recorder::finish() {
    // A world that was halted closes its connections when it goes, and some listeners go before it.
    listeners_.clear();
    if (file_ == nullptr) return {};
    const auto file = std::move(file_);
    return file->end(events_, hash_);
}

template <class E>
void Recorder::take(MonoTime at, const NodeId* node, std::size_t type, const E& event) {
    const std::uint64_t cause = std::exchange(*cause_, events_ + 1);
    last_cause_ = cause;
    hash_.add(EventInfo<E>::hash);
    hash_.add(static_cast<std::uint64_t>(at.ns));
    hash_.add(cause);
    if (node != nullptr) hash_.add(field_word(*node));
    for_each_field(event, [this]<class T>(std::string_view name, const T& value) {
        const std::string_view type_name = field_type<T>(name);
        if constexpr (std::is_same_v<T, Label>) {
            hash_.add(names_.text_hash(value));
        } else if constexpr (std::is_same_v<T, probe::PartitionKey>) {
            hash_.add(type_name == "partition" ? names_.partition_hash(value) : value);
        } else {
            hash_.add(field_word(value));
        }
    });
    ++events_;
    last_event_ = EventInfo<E>::name;
    if (file_ == nullptr) return;
    file_->begin_event(type, at, cause == 0 ? 0 : events_ - cause);
    if (node != nullptr) file_->field(node->v);
    for_each_field(event, [this](std::string_view, const auto& value) {
        file_->field(static_cast<std::int64_t>(field_word(value)));
    });
    if (events_ % TraceFile::kCheckpointEvery == 0) file_->checkpoint(hash_);
}

void Recorder::record(MonoTime at, const SimEvent& event) {
    const std::size_t type = std::variant_size_v<probe::Event> + event.index();
    std::visit([&](const auto& e) { take(at, nullptr, type, e); }, event);
    for (Listener* listener : listeners_) listener->on_sim(at, event);
}

void Recorder::on(MonoTime at, NodeId node, const probe::Event& event) {
    std::visit([&](const auto& e) { take(at, &node, event.index(), e); }, event);
    for (Listener* listener : listeners_) listener->on_probe(at, node, event);
}

Label Recorder::intern(std::string_view text) {
    const auto [id, fresh] = names_.label(text);
    if (fresh && file_ != nullptr) file_->label(text);
    return Label{id};
}

probe::PartitionKey Recorder::intern(std::string_view topic, PartitionIndex index) {
    const auto [id, fresh] = names_.partition(topic, index);
    if (fresh && file_ != nullptr) file_->partition(topic, index);
    return id;
}

void Recorder::reached(probe::Site site) { ++reached_[static_cast<std::size_t>(site)]; }

std::uint64_t Recorder::reached_count(probe::Site site) const {
    return reached_[static_cast<std::size_t>(site)];
}

bool Recorder::perturb(probe::Site site) { return perturb_ != nullptr && perturb_->take(site); }
}  // namespace faultline::sim
