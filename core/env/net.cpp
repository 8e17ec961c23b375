#include "core/env/net.h"

#include <fmt/format.h>

namespace faultline {

std::string to_string(const Endpoint& e) {
    if (e.host.find(':') != std::string::npos) return fmt::format("[{}]:{}", e.host, e.port);
    return fmt::format("{}:{}", e.host, e.port);
}

void OutBuf::add(Slice s) {
    if (s.empty()) return;
    size_ += s.size();
    parts_.emplace_back(std::move(s));
}

void OutBuf::add(const IoBuf& b) {
    for (const Slice& s : b.parts()) add(s);
}

void OutBuf::add(FileSlice f) {
    if (f.len == 0) return;
    size_ += f.len;
    parts_.emplace_back(std::move(f));
}

void OutBuf::add(OutBuf&& o) {
    size_ += o.size_;
    for (Part& p : o.parts_) parts_.emplace_back(std::move(p));
    o.parts_.clear();
    o.size_ = 0;
}
}  // namespace faultline
