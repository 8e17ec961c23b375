#include "core/broker/api_table.h"

#include <algorithm>

#include "core/broker/handlers/respond.h"
#include "gen/wire/produce_response.h"

namespace faultline::broker {
namespace {
constexpr ApiEntry kApis[] = {
    {wire::ApiKey::produce, &handle_produce},
    {wire::ApiKey::fetch, &handle_fetch},
    {wire::ApiKey::list_offsets, &handle_list_offsets},
    {wire::ApiKey::metadata, &handle_metadata},
    {wire::ApiKey::api_versions, &handle_api_versions},
    {wire::ApiKey::create_topics, &handle_create_topics},
    {wire::ApiKey::delete_topics, &handle_delete_topics},
    {wire::ApiKey::delete_records, &handle_delete_records},
    {wire::ApiKey::describe_log_dirs, &handle_describe_log_dirs},
    {wire::ApiKey::describe_producers, &handle_describe_producers},
    {wire::ApiKey::init_producer_id, &handle_init_producer_id},
    {wire::ApiKey::offset_for_leader_epoch, &handle_offset_for_leader_epoch},
    {wire::ApiKey::create_partitions, &handle_create_partitions},
    {wire::ApiKey::describe_configs, &handle_describe_configs},
    {wire::ApiKey::describe_cluster, &handle_describe_cluster},
    {wire::ApiKey::describe_topic_partitions, &handle_describe_topic_partitions},
};
}  // namespace

std::span<const ApiEntry> served_apis() { return kApis; }

bool dispatch(Shard& shard, rpc::Request request, rpc::Responder responder, fiber::Group& fibers) {
    const auto* entry = std::ranges::find(kApis, request.api, &ApiEntry::key);
    if (entry == std::end(kApis)) return false;
    const wire::ApiInfo& info = wire::api_info(request.api);
    // Produce is advertised from version 0 for old librdkafka, but nothing below 3 is understood.
    const bool known =
        info.broker.contains(request.version) && info.valid.contains(request.version);
    if (!known && request.api != wire::ApiKey::api_versions) return false;
    Context context{shard, fibers};
    return entry->run(context, request, responder);
}
}  // namespace faultline::broker
