#include "visualize/svg_writer.h"

#include <fmt/format.h>

namespace faultline::visualize {

std::string xml_escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '&': out += "&amp;"; break;
            case '"': out += "&quot;"; break;
            default: out += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? ' ' : c;
        }
    }
    return out;
}

std::string px(double value) {
    std::string text = fmt::format("{:.1f}", value);
    if (text.ends_with(".0")) text.resize(text.size() - 2);
    return text == "-0" ? "0" : text;
}

void SvgWriter::line(double x1, double y1, double x2, double y2, std::string_view css) {
    out_ += fmt::format("<line class=\"{}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n", css,
                        px(x1), px(y1), px(x2), px(y2));
}

void SvgWriter::rect(double x, double y, double w, double h, std::string_view css, double radius) {
    out_ += fmt::format("<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"", css,
                        px(x), px(y), px(w), px(h));
    if (radius > 0) out_ += fmt::format(" rx=\"{}\"", px(radius));
    out_ += "/>\n";
}

void SvgWriter::path(std::string_view d, std::string_view css) {
    out_ += fmt::format("<path class=\"{}\" d=\"{}\"/>\n", css, d);
}

void SvgWriter::circle(double x, double y, double r, std::string_view css) {
    out_ += fmt::format("<circle class=\"{}\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>\n", css, px(x), px(y),
                        px(r));
}

void SvgWriter::cross(double x, double y, double r, std::string_view css) {
    path(fmt::format("M{} {}L{} {}M{} {}L{} {}", px(x - r), px(y - r), px(x + r), px(y + r),
                     px(x - r), px(y + r), px(x + r), px(y - r)),
         css);
}

void SvgWriter::text(double x, double y, std::string_view css, std::string_view text) {
    out_ += fmt::format("<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>\n", css, px(x), px(y),
                        xml_escaped(text));
}

void SvgWriter::open(std::string_view title, std::string_view ids) {
    if (ids.empty() || !ids_) {
        out_ += "<g class=\"i\">";
    } else {
        out_ += fmt::format("<g class=\"i\" data-x=\"{}\">", ids);
    }
    if (!title.empty()) out_ += fmt::format("<title>{}</title>", xml_escaped(title));
    out_ += '\n';
}
}  // namespace faultline::visualize
