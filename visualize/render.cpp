#include "visualize/render.h"

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

#include <fmt/format.h>

#include "visualize/html/page.h"
#include "visualize/pftrace.h"
#include "visualize/slice.h"
#include "visualize/timeline_dot.h"
#include "visualize/timeline_json.h"
#include "visualize/timeline_svg.h"
#include "visualize/timeline_txt.h"

namespace faultline::visualize {
namespace {
struct Form {
    std::string_view extension;
    std::string (*draw)(const Run&, bool full);  // null: the viewer, made of the trace itself
    std::string (*slice)(const Trace&, const Slice&) = nullptr;  // of a run that failed
};
constexpr Form kForms[] = {
    {"svg", timeline_svg, slice_svg},
    {"html", nullptr},
    {"dot", timeline_dot, slice_dot},
    {"txt", timeline_txt, slice_txt},
    {"json", timeline_json},
    {"jsonl", timeline_jsonl},
    {"pftrace", pftrace},
};

// Without the dot; "" when there is none.
std::string extension_of(const std::string& path) {
    const std::size_t slash = path.rfind('/'), dot = path.rfind('.');
    const bool has = dot != std::string::npos && (slash == std::string::npos || dot > slash);
    return has ? path.substr(dot + 1) : "";
}

std::expected<const Form*, std::string> form_of(std::string_view extension) {
    std::string all;
    for (const Form& form : kForms) {
        if (form.extension == extension) return &form;
        all += fmt::format("{}.{}", all.empty() ? "" : " ", form.extension);
    }
    return std::unexpected(
        fmt::format("no timeline form '.{}'; the output's name may end in {}", extension, all));
}

std::expected<std::string, std::string> draw(const Trace& trace, const Form& form,
                                             const Filter& filter, bool full,
                                             const Trace* compare = nullptr) {
    Run run = make_run(trace);
    if (auto ok = apply(filter, run); !ok) return std::unexpected(ok.error());
    if (form.draw == nullptr) return timeline_html(trace, filter, compare);
    // What failed is explained by its slice, unless somebody asks for everything or for a part.
    const bool part = filter.from || filter.to || filter.node || filter.partition;
    if (form.slice != nullptr && !full && !part) {
        if (const auto slice = make_slice(trace)) return form.slice(trace, *slice);
    }
    return form.draw(run, full);
}

std::expected<Trace, std::string> trace_of_file(const std::string& path) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error))
        return std::unexpected(fmt::format("{}: is a directory; name a trace in it", path));
    std::ifstream in(path, std::ios::binary);
    if (!in) return std::unexpected(fmt::format("{}: cannot be read", path));
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    auto trace = read_trace(bytes);
    if (!trace) return std::unexpected(fmt::format("{}: {}", path, to_string(trace.error())));
    return std::move(*trace);
}

// Why a picture may not take the place of what is there under its name; "" when it may.
std::string in_the_way(const RenderOptions& options, const Form& form) {
    std::error_code error;
    for (const std::string& trace : {options.trace, options.compare}) {
        if (std::filesystem::equivalent(trace, options.output, error))
            return "is the trace itself; name another file";
    }
    if (form.extension != "json" && form.extension != "jsonl") return "";
    // A scenario, a sweep's report: people name their files as the trace that came of them.
    constexpr std::string_view kOurs = "{\"head\":";
    std::ifstream in(options.output, std::ios::binary);
    if (!in || std::filesystem::is_directory(options.output, error)) return "";
    std::string begin(kOurs.size(), '\0');
    in.read(begin.data(), static_cast<std::streamsize>(begin.size()));
    if (in.gcount() == 0 || begin == kOurs) return "";
    return "is there already and is no timeline; name another file, or remove it";
}

// Beside it first: nobody sees half a picture, and a full disk leaves the old one.
bool write_whole(const std::string& path, const std::string& text) {
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

// "" when the whole run is there.
std::string incomplete(const std::string& path, const Trace& trace) {
    if (trace.complete) return "";
    return fmt::format("{}: the trace is incomplete, drawn up to its last whole event ({})", path,
                       to_string(trace.cut));
}
}  // namespace

std::expected<std::string, std::string> render(std::string_view trace_bytes,
                                               std::string_view extension, const Filter& filter,
                                               bool full) {
    const auto form = form_of(extension);
    if (!form) return std::unexpected(form.error());
    const auto trace = read_trace(trace_bytes);
    if (!trace) return std::unexpected(to_string(trace.error()));
    return draw(*trace, **form, filter, full);
}

std::string bad_output(const std::string& output) {
    const auto form = form_of(extension_of(output));
    return form ? "" : form.error();
}

std::expected<Rendered, std::string> render(const RenderOptions& options) {
    const auto form = form_of(extension_of(options.output));
    if (!form) return std::unexpected(form.error());
    if (!options.compare.empty() && (*form)->extension != "html") {
        return std::unexpected("only .html shows two runs; name the output so");
    }
    const auto trace = trace_of_file(options.trace);
    if (!trace) return std::unexpected(trace.error());
    if (const std::string why = in_the_way(options, **form); !why.empty())
        return std::unexpected(fmt::format("{}: {}", options.output, why));
    std::optional<Trace> other;
    if (!options.compare.empty()) {
        auto read = trace_of_file(options.compare);
        if (!read) return std::unexpected(read.error());
        other = std::move(*read);
    }
    const auto drawn =
        draw(*trace, **form, options.filter, options.full, other ? &*other : nullptr);
    if (!drawn) return std::unexpected(fmt::format("{}: {}", options.trace, drawn.error()));
    if (!write_whole(options.output, *drawn))
        return std::unexpected(fmt::format("{}: cannot be written", options.output));
    std::string note = incomplete(options.trace, *trace);
    if (other && !other->complete) {
        note += (note.empty() ? "" : "\n") + incomplete(options.compare, *other);
    }
    return Rendered{std::move(note)};
}

std::expected<Ns, std::string> parse_time(std::string_view text) {
    double number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    const double scale = unit == "ns"                  ? 1
                         : unit == "us"                ? 1e3
                         : unit == "ms"                ? 1e6
                         : unit == "s" || unit.empty() ? 1e9
                                                       : 0;
    if (ec != std::errc{} || scale == 0 || !(number >= 0 && number * scale < 9e18)) {
        return std::unexpected(fmt::format("'{}' is not a time like 2.5s or 300ms", text));
    }
    return static_cast<Ns>(number * scale + 0.5);
}
}  // namespace faultline::visualize
