#include "sim/run/files.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

#include <fmt/format.h>

namespace faultline::sim {

std::optional<std::string> read_text(const std::string& path) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return std::nullopt;  // its stream would throw
    std::ifstream in(path, std::ios::binary);
    if (!in) return std::nullopt;
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (in.bad()) return std::nullopt;
    return text;
}

bool write_text(const std::string& path, const std::string& text) {
    const std::string beside = fmt::format("{}.{}.tmp", path, ::getpid());
    {
        std::ofstream out(beside, std::ios::binary | std::ios::trunc);
        out << text;
        out.close();
        if (out && std::rename(beside.c_str(), path.c_str()) == 0) return true;
    }
    std::remove(beside.c_str());
    return false;
}
}  // namespace faultline::sim
