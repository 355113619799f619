// The reader's sentences in Chinese. The server keeps them in English; one that is unknown here is shown as it came.

import { language } from "../app/language.svelte";

const AGAIN = "请重新扫描或导出这一页。";

const plain: Record<string, string> = {
  "the two readers do not agree": "两次机读结果不一致",
  "a column has two marks": "同一列有两处填涂",
  "a bubble is covered, off the page or on dark paper": "填涂框被遮挡、在页面之外或纸面过暗",
  "a line runs through the bubble and beyond, as dirt on the scanner's glass draws it": "有一条线穿过填涂框，像是扫描仪玻璃上的污迹",
  "a mark is too faint or too small to be sure": "填涂太淡或太小，无法确定",
  "a bubble is ringed or crossed and not filled": "填涂框被圈或打叉，但没有涂满",
  "the only mark may be crossed out": "唯一的填涂可能已被划掉",
  "two marks, and one may be an erasure": "有两处填涂，其中一处可能是擦痕",
  "two marks, and one may be crossed out": "有两处填涂，其中一处可能已被划掉",
  "the scan is black and white, where a pale mark leaves nothing": "黑白扫描，淡的填涂可能没有留下痕迹",
  "so many of the page's marks are weak that one may be lost": "本页填涂普遍偏淡，可能有遗漏",
  "row after row one bubble is a little darker than the others: the page may be marked too faintly to read":
    "逐行都有一个填涂框略深于其他：本页填涂可能淡到无法识读",
  "what darkens a bubble runs on all around it, as a stain does": "使填涂框变暗的痕迹延伸到四周，像是污渍",
  "beside a mark there is ink that may be an erasure, or a weaker mark": "填涂旁另有痕迹，可能是擦痕，也可能是较淡的填涂",
  "the exam's budget of wrong answers asks for a look": "按本次考试允许的误读数，需要人看一眼",
  "the marks that tell which way up the page is are not where they should be": "标示页面方向的标记不在应在的位置",
  "a person called this candidate absent before the pages came": "在答题卡到达之前，已有人把这名考生记为缺考",
  "two decoders disagree": "两个条码识读器结果不同",
  "the barcode cannot be read": "条码无法识读",
  "the page is blank": "页面是空白的",
  "the page is black or nearly so; nothing can be read on it": "页面全黑或几乎全黑，无法识读",
  "the page code cannot be read, so the sheet is not known": "页码无法识读，不知是哪一张答题卡",
  "the page carries a code that is none of this engine's": "页面上的码不是本系统印制的",
  "the page code names a sheet that was not printed for this exam": "页码所指的答题卡不是为本次考试印制的",
  "the registration marks were not found: a corner is covered, torn off or off the scan": "找不到定位标记：有一角被遮挡、撕掉或在扫描范围之外",
  "neither registration marks nor a page code were found": "既没有找到定位标记，也没有找到页码",
  "a second scan of a side, with the same answers": "同一面的第二次扫描，答案相同",
  "the reader failed on this frame; its log has the details": "识读程序处理这一帧时出错，详情见其日志",
  "the file is empty (0 bytes)": "文件是空的（0 字节）",
  "this is not a picture or PDF that can be read": "不是可以识读的图像或 PDF",
  "the picture's header is broken": "图像文件头已损坏",
  "the picture is damaged or breaks off": "图像已损坏或不完整",
  "the PNG is damaged": "PNG 已损坏",
  "the PNG breaks off before its end": "PNG 不完整",
  "the JPEG's header is broken": "JPEG 文件头已损坏",
  "the JPEG is damaged or breaks off": "JPEG 已损坏或不完整",
  "Scan or export this page again": AGAIN,
  "Send each page as a frame of its own": "请把每一页作为单独一帧发送。",
  "Scan the whole page at 150 dpi or more": "请以 150 dpi 以上扫描整页。",
};

/** Sentences with something in them: $1, $2 are what was said. */
const shaped: [RegExp, string][] = [
  [/^the page belongs to another form \((.+)\)$/, "页面属于另一种答题卡（$1）"],
  [/^only (\S+) of the printed bubbles are where the registration marks say$/, "只有 $1 的印刷填涂框在定位标记所示的位置"],
  [/^only (\S+) of the printed boxes are where the registration marks say$/, "只有 $1 的印刷方框在定位标记所示的位置"],
  [
    /^the paper is (\S+) (larger|smaller) across and (\S+) (larger|smaller) down than printed: it has grown \(damp\?\)$/,
    "纸张与印制时相比：横向 $1（$2），纵向 $3（$4），可能受潮",
  ],
  [
    /^the paper is (\S+) (larger|smaller) across and (\S+) (larger|smaller) down than printed: it was scanned or copied smaller$/,
    "纸张与印制时相比：横向 $1（$2），纵向 $3（$4），可能被缩印或缩扫",
  ],
  [
    /^the paper is (\S+) longer (?:across|down) than (?:across|down): it has grown \(damp\?\) or slipped in the feeder$/,
    "纸张两个方向的伸缩相差 $1：可能受潮，或进纸打滑",
  ],
  [
    /^a dark line runs (?:down|across) the whole scan (\S+) mm from its (?:left|top) edge: dirt on the scanner's glass$/,
    "距扫描图边缘 $1 毫米处有一条贯穿全图的暗线：扫描仪玻璃脏污",
  ],
  [/^only (\d+) of (\d+) timing marks are where the registration marks say$/, "$2 个定时标记中只有 $1 个在定位标记所示的位置"],
  [/^the timing marks are (\S+) mm from where the registration marks say$/, "定时标记偏离应在位置 $1 毫米"],
  [/^the file holds (\d+) pages$/, "文件含有 $1 页"],
  [/^the picture is only (\d+) x (\d+) pixels$/, "图像只有 $1 × $2 像素"],
  [/^the picture is (\d+) x (\d+) pixels; at most (\d+) million of this kind are read$/, "图像为 $1 × $2 像素，此类图像最多只读 $3 百万像素"],
  [/^the reader did not come back from this page, (\d+) times$/, "识读程序处理这一页时 $1 次未能返回"],
  [/^readers did not come back from this frame, (\d+) times when it was alone$/, "单独识读这一帧时，识读程序 $1 次未能返回"],
];

function inChinese(sentence: string): string {
  const known = plain[sentence];
  if (known !== undefined) return known;
  const shape = shaped.find(([pattern]) => pattern.test(sentence));
  return shape ? sentence.replace(shape[0], shape[1]).replace("larger", "偏大").replace("smaller", "偏小") : sentence;
}

/** What the reader said, in the language of whoever looks; several sentences stay several. */
export function said(text: string): string {
  if (language.now !== "zh") return text;
  const bare = text.trim().replace(/\.$/, "");
  const whole = inChinese(bare);
  if (whole !== bare) return whole;
  return text
    .split(/(?<=\.)\s+|; /)
    .map((one) => inChinese(one.replace(/\.$/, "")))
    .map((one, n, all) => (n < all.length - 1 && !/[。.]$/.test(one) ? `${one}。` : one))
    .join("");
}
