#include "visualize/timeline_html.h"

#include <fmt/format.h>

#include "visualize/svg_writer.h"
#include "visualize/timeline_svg.h"

namespace faultline::visualize {
namespace {
constexpr std::string_view kStyle = R"css(
html,body{margin:0;height:100%;font-family:sans-serif;background:#fff;color:#1f2328}
body{display:flex;flex-direction:column}
#view{flex:1;min-height:0;overflow:hidden;cursor:grab}#view:active{cursor:grabbing}
#view svg{width:100%;height:100%;display:block;user-select:none}
#panel{border-top:1px solid #d0d7de;padding:8px 16px;min-height:7.5em;max-height:30vh;overflow:auto;font-size:13px;white-space:pre-wrap;line-height:1.45}
#help{color:#57606a}.i{cursor:pointer}svg.pick .i[data-x]:not(.on){opacity:.12}.i.on{filter:drop-shadow(0 0 2px #d98a00)}
table{border-collapse:collapse;margin-top:6px;white-space:nowrap}td,th{padding:1px 14px 1px 0;text-align:right;font-weight:normal}th{color:#57606a}
@media (prefers-color-scheme:dark){html,body{background:#0d1117;color:#e6edf3}#panel{border-color:#30363d}#help,th{color:#9da7b3}}
)css";

constexpr std::string_view kScript = R"js(
const svg=document.querySelector('#view svg'),panel=document.getElementById('panel');
const data=JSON.parse(document.getElementById('exchanges').textContent);
const home=svg.viewBox.baseVal,H={x:home.x,y:home.y,w:home.width,h:home.height};
let box={...H},drag=null,picked=null;
const help=panel.innerHTML;
svg.removeAttribute('width');svg.removeAttribute('height');
svg.setAttribute('preserveAspectRatio','xMidYMin meet');
function show(){svg.setAttribute('viewBox',`${box.x} ${box.y} ${box.w} ${box.h}`)}
function at(e){const p=new DOMPoint(e.clientX,e.clientY).matrixTransform(svg.getScreenCTM().inverse());return p}
svg.addEventListener('wheel',e=>{e.preventDefault();const p=at(e),k=Math.min(Math.max(box.w*Math.exp(e.deltaY*.0015),H.w/200),H.w*2)/box.w;
 box={x:p.x-(p.x-box.x)*k,y:p.y-(p.y-box.y)*k,w:box.w*k,h:box.h*k};show()},{passive:false});
svg.addEventListener('pointerdown',e=>{drag={x:e.clientX,y:e.clientY,moved:false};});
window.addEventListener('pointermove',e=>{if(!drag)return;const dx=e.clientX-drag.x,dy=e.clientY-drag.y;
 if(!drag.moved&&Math.hypot(dx,dy)<4)return;drag.moved=true;const k=1/svg.getScreenCTM().a;
 box.x-=dx*k;box.y-=dy*k;drag.x=e.clientX;drag.y=e.clientY;show()});
window.addEventListener('pointerup',()=>{if(drag&&drag.moved)svg.addEventListener('click',e=>e.stopPropagation(),{once:true,capture:true});drag=null});
svg.addEventListener('dblclick',()=>{box={...H};show()});
const items=[...svg.querySelectorAll('g.i')];
const tip=g=>{const t=g.querySelector('title');return t?t.textContent:''};
items.forEach(g=>{g.dataset.tip=tip(g)});
const idsOf=g=>g.dataset.x.split(' ').flatMap(p=>{const [a,b]=p.split('-').map(Number);return b===undefined?[a]:Array.from({length:b-a+1},(_,i)=>a+i)});
function table(ids){const rows=ids.slice(0,200).map(i=>data[i]).filter(Boolean);if(rows.length<1)return'';
 let h='<table><tr><th>request</th><th>sent</th><th>answered after</th><th>bytes</th></tr>';
 for(const r of rows)h+=`<tr><td>${r[0]}</td><td>${(r[1]/1e9).toFixed(6)} s</td><td>${r[2]<0?'never':(r[2]/1e6).toFixed(3)+' ms'}</td><td>${r[3]}</td></tr>`;
 return h+'</table>'+(ids.length>200?`and ${ids.length-200} more`:'')}
function say(g){panel.textContent=g.dataset.tip}
svg.addEventListener('mouseover',e=>{const g=e.target.closest('g.i');if(g&&!picked)say(g)});
svg.addEventListener('mouseout',()=>{if(!picked)panel.innerHTML=help});
svg.addEventListener('click',e=>{const g=e.target.closest('g.i');items.forEach(i=>i.classList.remove('on'));svg.classList.remove('pick');picked=null;
 if(!g){panel.innerHTML=help;return}
 say(g);if(!g.dataset.x)return;picked=g;const ids=idsOf(g),mine=new Set(ids);
 svg.classList.add('pick');items.forEach(i=>{if(i.dataset.x&&idsOf(i).some(n=>mine.has(n)))i.classList.add('on')});
 panel.insertAdjacentHTML('beforeend',table(ids))});
window.addEventListener('keydown',e=>{if(e.key==='Escape'){svg.dispatchEvent(new MouseEvent('click',{bubbles:true}));box={...H};show()}
 const s=box.w*.1;if(e.key==='ArrowRight')box.x+=s;else if(e.key==='ArrowLeft')box.x-=s;else if(e.key==='+'||e.key==='-'){const k=e.key==='+'?.8:1.25;box={x:box.x+box.w*(1-k)/2,y:box.y+box.h*(1-k)/2,w:box.w*k,h:box.h*k}}else return;show()});
)js";

// [name, sent ns, answered after ns or -1, bytes] for each exchange.
std::string exchanges_json(const Run& run) {
    std::string out = "[";
    for (const Exchange& e : run.exchanges) {
        // Names come from the trace's head; here they stand in a script element.
        std::string name = e.api < 0 ? "message" : run.trace->api_name(e.api);
        std::erase_if(name, [](char c) { return c == '"' || c == '\\' || c == '<' || c == '&'; });
        out += fmt::format("{}[\"{}\",{},{},{}]", out.size() == 1 ? "" : ",", name, e.begin,
                           e.answered ? e.end - e.begin : -1, run.messages[e.request].bytes);
    }
    return out + "]";
}
}  // namespace

std::string timeline_html(const Run& run, bool full) {
    const std::string title =
        xml_escaped(run.trace->scenario.empty() ? "A run" : run.trace->scenario);
    return fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{} - "
        "timeline</title>\n"
        "<meta name=\"viewport\" "
        "content=\"width=device-width\">\n<style>{}</style></head>\n<body><div "
        "id=\"view\">{}</div>\n<div id=\"panel\"><span id=\"help\">Point at something to read "
        "about it. "
        "Click a message or a band to see only what belongs to it. Wheel or + and - zoom, drag or "
        "arrow "
        "keys move, double click or Escape resets.</span></div>\n<script type=\"application/json\" "
        "id=\"exchanges\">{}</script>\n<script>{}</script></body></html>\n",
        title, kStyle, timeline_svg_with_ids(run, full), exchanges_json(run), kScript);
}
}  // namespace faultline::visualize
