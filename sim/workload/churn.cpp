// Topics that come and go under the same names. A record of one must never be found in the next.
#include <algorithm>

#include <fmt/format.h>

#include "core/client/admin.h"
#include "core/client/consumer.h"
#include "core/client/producer.h"
#include "sim/workload/client_config.h"
#include "sim/workload/payload.h"
#include "sim/workload/workload.h"

namespace faultline::sim {
namespace {

using wire::KafkaError;
constexpr Duration kStep = 5s;  // for one request of administration, and for reading a topic

class Churn {
public:
    Churn(Env& env, const WorkloadContext& context, const AdminSpec& spec, std::int32_t client)
        : env_(env),
          context_(context),
          spec_(spec),
          client_(client),
          admin_(env, config("admin")) {}

    void run(fiber::StopToken stop) {
        env_.fibers.sleep_until(env_.clock.in(spec_.start), stop);
        for (std::int64_t incarnation = 0; !stop.stop_requested(); ++incarnation) {
            const std::string topic = fmt::format("{}-{}", spec_.id, incarnation % spec_.topics);
            if (!gone(topic, stop) || !made(topic, stop)) break;
            const std::int64_t acked = fill(topic, incarnation, stop);
            read(topic, incarnation, acked, stop);
            env_.fibers.sleep_until(env_.clock.in(spec_.every), stop);
        }
        admin_.close();
    }

private:
    client::ClientConfig config(const char* part) const {
        return client_config(context_, fmt::format("{}-{}", spec_.id, part));
    }

    // Until the broker says that it is not there. False when asked to stop.
    bool gone(const std::string& topic, fiber::StopToken stop) {
        while (!stop.stop_requested()) {
            const auto answer = admin_.delete_topic(topic, env_.clock.in(kStep), stop);
            if (answer.ok() &&
                (answer->ok() || answer->error == KafkaError::unknown_topic_or_partition)) {
                return true;
            }
            env_.fibers.sleep_until(env_.clock.in(100ms), stop);
        }
        return false;
    }

    bool made(const std::string& topic, fiber::StopToken stop) {
        while (!stop.stop_requested()) {
            const auto answer = admin_.create_topic(
                {.name = topic, .partitions = spec_.partitions, .replicas = -1, .configs = {}},
                env_.clock.in(kStep), stop);
            id_ = answer.ok() ? answer->topic_id : Uuid{};
            // Already there: the answer to an earlier attempt was lost.
            if (answer.ok() &&
                (answer->ok() || answer->error == KafkaError::topic_already_exists)) {
                return true;
            }
            env_.fibers.sleep_until(env_.clock.in(100ms), stop);
        }
        return false;
    }

    // Returns how many were acknowledged.
    std::int64_t fill(const std::string& topic, std::int64_t incarnation, fiber::StopToken stop) {
        std::int64_t acked = 0;
        client::Producer producer(
            env_, config("producer"), {.delivery_timeout = kStep},
            [&](const client::Delivery& d) { acked += d.error == KafkaError::none ? 1 : 0; });
        for (std::int32_t n = 0; n < spec_.records && !stop.stop_requested(); ++n) {
            const std::string value =
                make_payload({client_, incarnation, context_.run}, kPayloadSize);
            client::OutRecord record;
            record.topic = topic;
            record.value = as_bytes(value);
            (void)producer.send(record, env_.clock.in(kStep), stop);
        }
        producer.close(env_.clock.in(kStep));
        return acked;
    }

    // All that was acknowledged must be there, and nothing else may.
    void read(const std::string& topic, std::int64_t incarnation, std::int64_t acked,
              fiber::StopToken stop) {
        client::Consumer reader(env_, config("consumer"));
        for (std::int32_t p = 0; p < spec_.partitions; ++p)
            reader.assign(topic, p, client::Position::beginning());
        std::int64_t own = 0;
        const Deadline until = env_.clock.in(kStep);
        while (own < acked && env_.clock.now() < until.at && !stop.stop_requested()) {
            const auto got =
                reader.poll(env_.clock.in(200ms), stop, [&](const client::InRecord& in) {
                    const auto payload =
                        in.record.value ? read_payload(*in.record.value) : std::nullopt;
                    const bool good =
                        payload && payload->client == client_ && payload->run == context_.run;
                    if (good && payload->record == incarnation) {
                        ++own;
                        return;
                    }
                    // A broker behind the others may still serve the former topic, by its id.
                    const auto* seen = reader.cluster().view().topic(topic);
                    if (seen == nullptr || seen->id != id_) return;
                    context_.on_foreign(
                        spec_.id,
                        fmt::format("offset {} of {}-{} a record of {}", in.record.offset, in.topic,
                                    in.partition,
                                    good ? fmt::format("the topic's incarnation {} (this is {})",
                                                       payload->record, incarnation)
                                         : std::string("somebody else")));
                });
            if (!got.ok()) env_.fibers.sleep_until(env_.clock.in(50ms), stop);
        }
        reader.close();
    }

    Env& env_;
    const WorkloadContext& context_;
    const AdminSpec& spec_;
    std::int32_t client_;
    Uuid id_;  // of the topic that was made last; zero: not known
    client::Admin admin_;
};
}  // namespace

void run_admin(Env& env, fiber::StopToken stop, const WorkloadContext& context,
               const AdminSpec& spec, std::int32_t client) {
    Churn(env, context, spec, client).run(stop);
}
}  // namespace faultline::sim
