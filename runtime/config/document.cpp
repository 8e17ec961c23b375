#include "runtime/config/document.h"

#include <fmt/format.h>

#include "core/model/config_keys.h"
#include "runtime/config/node_settings.h"
#include "runtime/config/settings.h"

namespace faultline::config {
namespace {

using model::ConfigKey;
using model::ConfigType;

std::string_view type_name(ConfigType type) {
    switch (type) {
        case ConfigType::boolean: return "boolean";
        case ConfigType::int16: return "short";
        case ConfigType::int32: return "int";
        case ConfigType::int64: return "long";
        case ConfigType::float64: return "double";
        case ConfigType::string: return "string";
        case ConfigType::class_name: return "class";
        case ConfigType::list: return "list";
        case ConfigType::password: return "password";
        case ConfigType::unknown: break;
    }
    return "";
}

std::string preset_text(const ConfigKey& key) {
    if (key.required()) return "required";
    if (key.preset == model::kNull) return "none";
    if (*key.preset == '\0') return "empty";
    if (const auto own = own_default(key.name))
        return fmt::format("`{}` (Kafka's: `{}`)", *own, key.preset);
    return fmt::format("`{}`", key.preset);
}
}  // namespace

std::string config_document() {
    Settings settings;
    settings.set("node.id", "1", {"document", 1});
    settings.set("process.roles", "broker,controller", {"document", 2});
    std::vector<Problem> problems;
    (void)read_node_settings(settings, problems);  // only for what it asks

    std::string text =
        "# Configuration keys\n\n"
        "Written by `./dev docs` from `core/model/broker_config_keys.cpp`; a test compares "
        "the\ntwo.\n\n"
        "Keys are Kafka's, with Kafka's meanings. These act in this version. The other broker keys "
        "of\nKafka 4.3 are known by name, type and bounds: they are checked, and named in one line "
        "at start\nwhen they are given a value other than their default. An unknown key stops the "
        "start.\n\n"
        "Our own: `faultline.events.kept` (how many events of each shard the file `events.ring` "
        "of the\nfirst log directory keeps for `faultline timeline`; 0: none), "
        "`log.flush.before.ack` (an acknowledgement of acks=all counts only what fsync "
        "has "
        "made\ndurable; `false` is Kafka's promise, the page cache), `faultline.shards` "
        "(threads "
        "that own\npartitions; default one for two cores).\n\n"
        "| key | type | default | allowed |\n|---|---|---|---|\n";
    for (const auto& name : settings.asked()) {
        const ConfigKey* key = model::find_broker_key(name);
        text += fmt::format("| `{}` | {} | {} | {} |\n", name, type_name(key->type),
                            preset_text(*key), key->valid);
    }
    return text;
}
}  // namespace faultline::config
