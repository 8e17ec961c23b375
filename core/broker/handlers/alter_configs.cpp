// AlterConfigs and IncrementalAlterConfigs: this broker judges what is its own, the active
// controller decides the rest.
#include "core/broker/handlers/forward.h"
#include "core/logic/controller/configs.h"

namespace faultline::broker {
namespace {
using wire::IncrementalAlterConfigsRequest;

// The levels of Kafka's loggers that ours has.
LogLevel level_of(std::string_view name) {
    if (name == "TRACE") return LogLevel::trace;
    if (name == "DEBUG") return LogLevel::debug;
    if (name == "INFO") return LogLevel::info;
    if (name == "WARN") return LogLevel::warn;
    return LogLevel::error;
}

void set_level(Shard& shard, LogLevel level) {
    for (unsigned i = 0; i < shard.env().shards.count(); ++i) {
        (void)shard.env().shards.post(ShardId{static_cast<std::uint16_t>(i)},  // going down
                                      [level](Env& env) { env.log.set_threshold(level); });
    }
}

// Loggers are this process's own matter, and forgotten with it.
void alter_loggers(Shard& shard, const IncrementalAlterConfigsRequest& request,
                   logic::EarlyAnswers& answers) {
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const auto& asked = request.resources[i];
        if (answers[i] || asked.resource_type != logic::kLoggerConfigs) continue;
        auto change = logic::alter_logger(asked, shard.config().node);
        if (change.level && !request.validate_only) set_level(shard, level_of(*change.level));
        answers[i] = change.refusal ? *std::move(change.refusal)
                                    : logic::ConfigRefusal{wire::KafkaError::none, ""};
    }
}

template <class Response, class Request>
Response alter(Context& context, const Request& request, logic::EarlyAnswers& early) {
    Request rest = request;
    rest.resources.clear();
    for (std::size_t i = 0; i < early.size(); ++i) {
        if (!early[i]) rest.resources.push_back(request.resources[i]);
    }
    Response decided;
    if (!rest.resources.empty()) decided = decide<Response>(context, rest);
    if (decided.responses.size() != rest.resources.size()) {  // by a controller that is not well
        decided.responses.clear();
        fail_all(rest, wire::KafkaError::unknown_server_error, decided);
    }
    Response response;
    auto next = decided.responses.begin();
    for (std::size_t i = 0; i < early.size(); ++i) {
        if (!early[i]) {
            response.responses.push_back(*next++);
            continue;
        }
        auto& answer = response.responses.emplace_back();
        answer.resource_type = request.resources[i].resource_type;
        answer.resource_name = request.resources[i].resource_name;
        answer.error_code = early[i]->error;
        answer.error_message.reset();
        if (!early[i]->message.empty()) answer.error_message = std::move(early[i]->message);
    }
    return response;
}

template <class Response, class Request>
bool handle(Context& context, rpc::Request& r, rpc::Responder& responder) {
    Request request;
    if (!decode(r, request)) return false;
    logic::EarlyAnswers early(request.resources.size());
    // At a controller's listener the broker that hands it on has judged.
    if (context.controller == nullptr) {
        early = logic::judge_early(request, *context.shard.image(), context.shard.config().node);
        if constexpr (std::is_same_v<Request, IncrementalAlterConfigsRequest>)
            alter_loggers(context.shard, request, early);
    }
    context.fibers.spawn(
        {.name = "alter configs"},
        [context, request = std::move(request), early = std::move(early), api = r.api,
         version = r.version, correlation = r.correlation, responder](fiber::StopToken) mutable {
            respond(responder, api, version, correlation, alter<Response>(context, request, early));
        });
    return true;
}
}  // namespace

bool handle_alter_configs(Context& context, rpc::Request& r, rpc::Responder& responder) {
    return handle<wire::AlterConfigsResponse, wire::AlterConfigsRequest>(context, r, responder);
}

bool handle_incremental_alter_configs(Context& context, rpc::Request& r,
                                      rpc::Responder& responder) {
    return handle<wire::IncrementalAlterConfigsResponse, IncrementalAlterConfigsRequest>(context, r,
                                                                                         responder);
}
}  // namespace faultline::broker
