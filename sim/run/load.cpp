#include "sim/run/load.h"

#include <filesystem>

#include <fmt/format.h>

#include "sim/run/broker_node.h"
#include "sim/run/files.h"

namespace faultline::sim {

std::optional<std::string> load_scenario(const std::string& file, const std::vector<Override>& set,
                                         Scenario& out) {
    std::error_code error;
    if (std::filesystem::is_directory(file, error))
        return fmt::format("{}: is a directory; name a scenario file in it", file);
    const auto text = read_text(file);
    if (!text) return fmt::format("{}: cannot be read; name a scenario file", file);
    if (const auto e = parse_scenario(file, *text, set, out)) return e->text;
    if (const auto bad = bad_config(out)) return error_at(file, *text, bad->pointer, bad->what);
    return std::nullopt;
}
}  // namespace faultline::sim
