// SVG text, element by element. Numbers have one decimal, so that a picture is the same everywhere.
#pragma once
#include <string>
#include <string_view>

namespace faultline::visualize {

std::string xml_escaped(std::string_view text);
// "12.5", "12"
std::string px(double value);

class SvgWriter {
public:
    // `ids`: whether open() writes data-x attributes.
    explicit SvgWriter(bool ids) : ids_(ids) {}
    void raw(std::string_view text) { out_ += text; }
    // `css` is the class attribute; the style sheet of timeline_svg.cpp has all of them.
    void line(double x1, double y1, double x2, double y2, std::string_view css);
    void rect(double x, double y, double w, double h, std::string_view css, double radius = 0);
    void path(std::string_view d, std::string_view css);
    void circle(double x, double y, double r, std::string_view css);
    void cross(double x, double y, double r, std::string_view css);
    void text(double x, double y, std::string_view css, std::string_view text);
    // An element that answers to the pointer: `title` is its tooltip, `ids` the exchanges to which
    // it belongs ("12 13"), for highlighting in the HTML form.
    void open(std::string_view title, std::string_view ids = "");
    void close() { out_ += "</g>\n"; }
    std::string take() { return std::move(out_); }

private:
    bool ids_;
    std::string out_;
};
}  // namespace faultline::visualize
