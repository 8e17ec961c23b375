// Requests of every API and version, with values that nobody thought of, and who counts what came
// of them.
#pragma once
#include <algorithm>

#include "core/broker/api_table.h"
#include "core/wire/arbitrary.h"
#include "tests/unit/broker/bench.h"

namespace faultline::broker::test {

// Connections that closed because an answer could not be encoded.
struct Unwritten final : sim::Listener {
    void on_probe(MonoTime, NodeId, const probe::Event& e) override {
        constexpr std::uint32_t kUnwritable = 3;  // ConnectionShut::reason
        const auto* shut = std::get_if<probe::ConnectionShut>(&e);
        count += shut != nullptr && shut->reason == kUnwritable ? 1 : 0;
    }
    int count = 0;
};

// Nothing when none can be made.
inline std::optional<OutBuf> arbitrary_request(Rng& rng, const wire::MessageInfo& info,
                                               wire::Version version) {
    void* message = info.create();
    wire::arbitrary_message(rng, version, info, message);
    const auto key = static_cast<wire::ApiKey>(info.number);
    wire::Writer out;
    wire::RequestHeader header;
    header.request_api_key = info.number;
    header.request_api_version = version.v;
    header.client_id = "test";
    header.encode(out, {wire::request_header_version(key, version)});
    wire::encode_message(out, version, info, message);
    info.destroy(message);
    if (!out.ok()) return std::nullopt;
    return rpc::make_frame(OutBuf(out.finish().to_iobuf()));
}

// Sends `times` requests of every API and version that a listener serves, at once, each over its
// own connection. Returns when each was answered, or refused, or waits for something longer than
// anything takes. How many were sent.
inline int ask_everything(Env& env, bool as_controller, std::uint64_t seed, int times) {
    Rng rng(seed);
    fiber::Group asking(env.fibers);
    int sent = 0;
    for (const wire::MessageInfo* info : wire::all_messages()) {
        if (info->kind != wire::MessageKind::request) continue;
        const auto key = static_cast<wire::ApiKey>(info->number);
        const auto apis = served_apis(as_controller);
        if (std::ranges::find(apis, key, &ApiEntry::key) == apis.end()) continue;
        const auto& versions = served_versions(wire::api_info(key), as_controller);
        for (std::int16_t v = 0; v < 30; ++v) {
            if (!versions.contains({v}) || !info->valid.contains({v})) continue;
            for (int i = 0; i < times; ++i) {
                auto frame = arbitrary_request(rng, *info, {v});
                if (!frame) continue;
                ++sent;
                asking.spawn(
                    {}, [&env, as_controller, frame = *std::move(frame)](fiber::StopToken) mutable {
                        Client c(env, as_controller ? 9093 : 9092);
                        c.raw(std::move(frame));
                        (void)c.heard(100s);  // some wait for ever
                    });
            }
        }
    }
    asking.join();
    return sent;
}
}  // namespace faultline::broker::test
