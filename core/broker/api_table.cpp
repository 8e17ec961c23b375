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
    {wire::ApiKey::alter_configs, &handle_alter_configs},
    {wire::ApiKey::incremental_alter_configs, &handle_incremental_alter_configs},
    {wire::ApiKey::list_config_resources, &handle_list_config_resources},
    {wire::ApiKey::describe_cluster, &handle_describe_cluster},
    {wire::ApiKey::describe_quorum, &handle_describe_quorum},
    {wire::ApiKey::elect_leaders, &handle_elect_leaders},
    {wire::ApiKey::alter_partition_reassignments, &handle_alter_partition_reassignments},
    {wire::ApiKey::list_partition_reassignments, &handle_list_partition_reassignments},
    {wire::ApiKey::unregister_broker, &handle_unregister_broker},
    {wire::ApiKey::add_raft_voter, &handle_add_raft_voter},
    {wire::ApiKey::remove_raft_voter, &handle_remove_raft_voter},
    {wire::ApiKey::update_features, &handle_update_features},
    {wire::ApiKey::describe_topic_partitions, &handle_describe_topic_partitions},
};

// At a controller's listener.
constexpr ApiEntry kControllerApis[] = {
    {wire::ApiKey::fetch, &handle_quorum_fetch},
    {wire::ApiKey::api_versions, &handle_api_versions},
    {wire::ApiKey::create_topics, &handle_create_topics},
    {wire::ApiKey::delete_topics, &handle_delete_topics},
    {wire::ApiKey::create_partitions, &handle_create_partitions},
    {wire::ApiKey::elect_leaders, &handle_elect_leaders},
    {wire::ApiKey::alter_partition_reassignments, &handle_alter_partition_reassignments},
    {wire::ApiKey::list_partition_reassignments, &handle_list_partition_reassignments},
    {wire::ApiKey::vote, &handle_vote},
    {wire::ApiKey::begin_quorum_epoch, &handle_begin_quorum_epoch},
    {wire::ApiKey::end_quorum_epoch, &handle_end_quorum_epoch},
    {wire::ApiKey::describe_quorum, &handle_describe_quorum},
    {wire::ApiKey::alter_partition, &handle_alter_partition},
    {wire::ApiKey::broker_registration, &handle_broker_registration},
    {wire::ApiKey::broker_heartbeat, &handle_broker_heartbeat},
    {wire::ApiKey::fetch_snapshot, &handle_fetch_snapshot},
    {wire::ApiKey::unregister_broker, &handle_unregister_broker},
    {wire::ApiKey::add_raft_voter, &handle_add_raft_voter},
    {wire::ApiKey::remove_raft_voter, &handle_remove_raft_voter},
    {wire::ApiKey::update_features, &handle_update_features},
    {wire::ApiKey::update_raft_voter, &handle_update_raft_voter},
    {wire::ApiKey::alter_configs, &handle_alter_configs},
    {wire::ApiKey::incremental_alter_configs, &handle_incremental_alter_configs},
    {wire::ApiKey::allocate_producer_ids, &handle_allocate_producer_ids},
};
}  // namespace

std::span<const ApiEntry> served_apis(bool as_controller) {
    if (as_controller) return kControllerApis;
    return kApis;
}

const wire::VersionRange& served_versions(const wire::ApiInfo& info, bool as_controller) {
    return as_controller ? info.controller : info.broker;
}

bool dispatch(Context context, rpc::Request request, rpc::Responder responder) {
    const bool as_controller = context.controller != nullptr;
    const auto apis = served_apis(as_controller);
    const auto entry = std::ranges::find(apis, request.api, &ApiEntry::key);
    if (entry == apis.end()) return false;
    const wire::ApiInfo& info = wire::api_info(request.api);
    // Produce is advertised from version 0 for old librdkafka, but nothing below 3 is understood.
    const bool known = served_versions(info, as_controller).contains(request.version) &&
                       info.valid.contains(request.version);
    if (!known && request.api != wire::ApiKey::api_versions) return false;
    return entry->run(context, request, responder);
}
}  // namespace faultline::broker
