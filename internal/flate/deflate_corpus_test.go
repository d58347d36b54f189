package flate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// A corpus is an endless series of messages of one kind and about one size, the
// same at every run.
type corpus struct {
	name string
	item func(*rand.Rand) string // messages are made of these
	open string                  // what a message begins with
	sep  string                  // what is between two items
}

var corpora = []corpus{
	{"chat", chatItem, `{"type":"messages","items":[`, ","},
	{"ticks", tickItem, `{"stream":"trades","data":[`, ","},
	{"cjk", cjkItem, "", ""},
	{"json", jsonItem, `{"page":1,"total":5000,"results":[`, ",\n"},
}

// messages returns n messages of size bytes.
func (c corpus) messages(n, size int) [][]byte {
	rnd := rand.New(rand.NewPCG(uint64(size), uint64(len(c.name))))
	list := make([][]byte, n)
	for i := range list {
		var b bytes.Buffer
		b.WriteString(c.open)
		for b.Len() < size {
			b.WriteString(c.item(rnd))
			b.WriteString(c.sep)
		}
		list[i] = b.Bytes()[:size]
	}
	return list
}

func pick(rnd *rand.Rand, list []string) string { return list[rnd.IntN(len(list))] }

// zipf picks the first elements more often, as language does.
func zipf(rnd *rand.Rand, list []string) string {
	return list[min(int(rnd.ExpFloat64()*float64(len(list))/5), len(list)-1)]
}

func sentence(rnd *rand.Rand, n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = zipf(rnd, english)
	}
	return strings.Join(words, " ")
}

func chatItem(rnd *rand.Rand) string {
	return fmt.Sprintf(`{"id":"%08x-%04x","room":"%s","user":{"id":%d,"name":"%s"},"text":"%s","ts":%d,"edited":%t}`,
		rnd.Uint32(), rnd.IntN(1<<16), pick(rnd, rooms), rnd.IntN(100000), pick(rnd, names),
		sentence(rnd, 3+rnd.IntN(20)), 1760000000000+rnd.Int64N(1e9), rnd.IntN(9) == 0)
}

func tickItem(rnd *rand.Rand) string {
	return fmt.Sprintf(`{"s":"%s","p":"%d.%02d","q":"%d.%04d","t":%d,"m":%t,"id":%d}`,
		pick(rnd, symbols), 100+rnd.IntN(60000), rnd.IntN(100), rnd.IntN(50), rnd.IntN(10000),
		1760000000000+rnd.Int64N(1e7), rnd.IntN(2) == 0, 900000000+rnd.IntN(1e6))
}

func cjkItem(rnd *rand.Rand) string {
	var b strings.Builder
	for range 6 + rnd.IntN(14) {
		b.WriteString(zipf(rnd, chinese))
	}
	return b.String() + pick(rnd, []string{"，", "。", "！", "？"})
}

func jsonItem(rnd *rand.Rand) string {
	tags := make([]string, rnd.IntN(4))
	for i := range tags {
		tags[i] = `"` + zipf(rnd, english) + `"`
	}
	return fmt.Sprintf(`  {"id": %d, "sku": "%s-%05d", "title": "%s", "price": {"amount": %d.%02d, "currency": "%s"}, `+
		`"stock": %d, "tags": [%s], "rating": %.1f, "createdAt": "2025-%02d-%02dT%02d:%02d:%02dZ", "active": %t, "vendor": null}`,
		rnd.IntN(1e6), pick(rnd, symbols), rnd.IntN(1e5), sentence(rnd, 3+rnd.IntN(5)), rnd.IntN(900), rnd.IntN(100),
		pick(rnd, []string{"EUR", "USD", "JPY"}), rnd.IntN(500), strings.Join(tags, ", "), rnd.Float64()*5,
		1+rnd.IntN(12), 1+rnd.IntN(28), rnd.IntN(24), rnd.IntN(60), rnd.IntN(60), rnd.IntN(2) == 0)
}

var (
	rooms   = strings.Fields("general random support engineering music")
	names   = strings.Fields("alice bob carol dave erin frank grace heidi ivan judy mallory niaj olivia peggy rupert sybil trent victor walter")
	symbols = strings.Fields("BTCUSD ETHUSD SOLUSD XRPUSD ADAUSD DOTUSD AAPL MSFT GOOG AMZN NVDA TSLA")
	english = strings.Fields(`the to and of a in is it you that he was for on are with as I his they be at one have
		this from or had by hot word but what some we can out other were all there when up use your how said an each
		she which do their time if will way about many then them write would like so these her long make thing see
		him two has look more day could go come did number sound no most people my over know water than call first
		who may down side been now find any new work part take get place made live where after back little only round
		year came show every good me give our under name very through just form sentence great think say help low
		line differ turn cause much mean before move right boy old too same tell does set three want air well also`)
	chinese = strings.Split("的 一 是 不 了 人 我 在 有 他 这 中 大 来 上 国 个 到 说 们 为 子 和 你 地 出 道 也 时 年 得 就 那 要 下 以 生 会 自 着 去 之 "+
		"过 家 学 对 可 她 里 后 小 么 心 多 天 而 能 好 都 然 没 日 于 起 还 发 成 事 只 作 当 想 看 文 无 开 手 十 用 主 行 方 又 如 前 所 本 见 经 头 "+
		"面 公 同 三 已 老 从 动 两 长 知 民 样 现 分 将 外 但 身 些 与 高 意 进 把 法 此 实 回 二 理 美 点 月 明 其 种 声 全 工 己 话 儿 者 向 情 部 正", " ")
)
