#include "sim/workload/workload.h"

#include <utility>

#include <fmt/format.h>

#include "core/client/admin.h"
#include "core/client/consumer.h"
#include "core/client/producer.h"
#include "sim/workload/client_config.h"
#include "sim/workload/payload.h"

namespace faultline::sim {
namespace {

wire::Codec codec_of(const std::string& name) {
    wire::Codec codec = wire::Codec::none;
    FL_ASSERT(wire::parse_codec(name, codec));
    return codec;
}

// One producer of a scenario: paces, numbers and reports its records.
class Sender {
public:
    Sender(Env& env, const WorkloadContext& context, const ProducerSpec& spec, std::int32_t client)
        : env_(env),
          memory_(context.memory->producers[client]),
          run_(context.run),
          spec_(spec),
          client_(client),
          producer_(env, client_config(context, spec.id),
                    {.acks = static_cast<std::int16_t>(spec.acks),
                     .codec = codec_of(spec.compression),
                     .linger = spec.linger,
                     .batch_bytes = spec.batch_size,
                     .delivery_timeout = spec.delivery_timeout,
                     .idempotence = spec.idempotence,
                     .in_flight = spec.most_in_flight()},
                    [this](const client::Delivery& d) { answered(d); }) {}

    void run(fiber::StopToken stop) {
        // What an earlier incarnation of this program sent nobody will tell it about any more.
        for (const auto& [n, key] : std::exchange(memory_.open, {})) failed(key, n, 0, true);
        if (memory_.next == 0) env_.fibers.sleep_until(env_.clock.in(spec_.start), stop);
        MonoTime due = env_.clock.now();
        const Duration gap = spec_.rate > 0 ? Duration{1'000'000'000 / spec_.rate} : Duration{0};
        while (memory_.next < spec_.count && !stop.stop_requested()) {
            if (env_.fibers.sleep_until({due}, stop) == fiber::Wake::cancelled) break;
            due = due + gap;
            memory_.open[memory_.next] = 0;
            send(memory_.next++, stop);
        }
        producer_.close(env_.clock.in(spec_.delivery_timeout));
    }

private:
    void send(std::int64_t n, fiber::StopToken stop) {
        const std::string value = make_payload({client_, n, run_}, spec_.size);
        client::OutRecord record;
        record.topic = spec_.topic;
        const std::string key = fmt::format("key-{}", spec_.keys > 0 ? n % spec_.keys : 0);
        if (spec_.keys > 0) record.key = as_bytes(key);
        record.value = as_bytes(value);
        record.tag = static_cast<std::uint64_t>(n);
        if (spec_.timestamp_offset != Duration{0}) {
            record.timestamp = env_.clock.wall().ms + spec_.timestamp_offset.count() / 1'000'000;
        }
        const auto sent = producer_.send(record, env_.clock.in(spec_.delivery_timeout), stop);
        if (!sent.ok()) {
            failed(0, n, 0, false);
            return;
        }
        const auto key_of = partition(*sent);
        if (const auto open = memory_.open.find(n); open != memory_.open.end())
            open->second = key_of;
        env_.probe.emit([&] { return probe::ProduceSent{key_of, client_, n, 1}; });
    }

    void answered(const client::Delivery& d) {
        const auto n = static_cast<std::int64_t>(d.tag);
        const auto key = partition(d.partition);
        if (d.error != wire::KafkaError::none) {
            return failed(key, n, static_cast<std::int16_t>(d.error), d.maybe_written);
        }
        memory_.open.erase(n);
        env_.probe.emit([&] { return probe::ProduceAcked{key, client_, n, 1, Offset{d.offset}}; });
    }

    void failed(probe::PartitionKey key, std::int64_t n, std::int16_t error, bool maybe) {
        memory_.open.erase(n);
        env_.probe.emit([&] { return probe::ProduceFailed{key, client_, n, 1, error, maybe}; });
    }

    probe::PartitionKey partition(std::int32_t index) {
        const auto [it, fresh] = keys_.try_emplace(index, 0U);
        if (fresh) it->second = env_.probe.intern(spec_.topic, PartitionIndex{index});
        return it->second;
    }

    Env& env_;
    Memory::Sent& memory_;
    std::uint64_t run_;
    const ProducerSpec& spec_;
    std::int32_t client_;
    std::map<std::int32_t, probe::PartitionKey> keys_;
    client::Producer producer_;
};
}  // namespace

void create_topics(Env& env, fiber::StopToken stop, const WorkloadContext& context) {
    client::Admin admin(env, client_config(context, "admin"));
    for (const TopicSpec& topic : context.topics) {
        while (!stop.stop_requested()) {
            const auto made = admin.create_topic(
                {.name = topic.name,
                 .partitions = topic.partitions,
                 .replicas = static_cast<std::int16_t>(topic.replicas == 0 ? -1 : topic.replicas),
                 .configs = topic.config},
                env.clock.in(5s), stop);
            if (made.ok() && (made->ok() || made->error == wire::KafkaError::topic_already_exists))
                break;
            env.fibers.sleep_until(env.clock.in(100ms), stop);
        }
    }
    admin.close();
}

void run_producer(Env& env, fiber::StopToken stop, const WorkloadContext& context,
                  const ProducerSpec& spec, std::int32_t client) {
    Sender(env, context, spec, client).run(stop);
}

void run_consumer(Env& env, fiber::StopToken stop, const WorkloadContext& context,
                  const std::vector<TopicSpec>& topics, const std::string& id,
                  std::int32_t consumer, Duration start) {
    auto& memory = context.memory->consumers[consumer];
    if (memory.empty()) env.fibers.sleep_until(env.clock.in(start), stop);
    client::ConsumerConfig config;
    if (const auto rack = context.racks.find(id); rack != context.racks.end())
        config.rack = rack->second;
    client::Consumer reader(env, client_config(context, id), config);
    std::map<std::pair<std::string, std::int32_t>, probe::PartitionKey> keys;
    for (const TopicSpec& t : topics) {
        for (std::int32_t p = 0; p < t.partitions; ++p) {
            const auto key = keys[{t.name, p}] = env.probe.intern(t.name, PartitionIndex{p});
            const auto seen = memory.find(key);
            reader.assign(t.name, p,
                          seen == memory.end() ? client::Position::beginning()
                                               : client::Position::at(seen->second));
        }
    }
    const auto take = [&](const client::InRecord& in) {
        const auto payload = in.record.value ? read_payload(*in.record.value) : std::nullopt;
        if (!payload || payload->run != context.run) {
            context.on_corrupt(
                id, fmt::format(
                        "a record at offset {} of {}-{} that no producer of this run wrote whole",
                        in.record.offset, in.topic, in.partition));
            return;
        }
        const auto key = keys[{in.topic, in.partition}];
        memory[key] = in.record.offset + 1;
        env.probe.emit([&] {
            return probe::RecordDelivered{key, consumer, Offset{in.record.offset}, payload->client,
                                          payload->record};
        });
    };
    while (!stop.stop_requested()) {
        const auto got = reader.poll(env.clock.in(1s), stop, take);
        if (got.ok() || got.code() == Errc::cancelled) continue;
        if (got.code() == Errc::corrupt && reader.damaged()) {
            // The client has noticed, nothing was delivered; the program that uses it is told.
            const auto& d = *reader.damaged();
            env.probe.emit([&] {
                return probe::CorruptionFound{keys[{d.topic, d.partition}], Offset{d.offset}};
            });
        }
        env.fibers.sleep_until(env.clock.in(100ms), stop);  // the broker says no; ask again
    }
    reader.close();
}
}  // namespace faultline::sim
