"""Words that stand around what ticks, and around what does not, in many languages.

Words with spaces between them are looked for whole, signs of languages without spaces anywhere. `*` at the end:
any ending.
"""

import re


def _any(words: str, signs: str = "") -> re.Pattern[str]:
    """A pattern of words, separated by `, `, and of signs, separated by spaces."""
    whole = "|".join(
        re.escape(word).replace(r"\*", r"[^\W\d_]{0,12}").replace(r"\ ", r"\s")
        for word in sorted(words.replace("\n", " ").split(", "), key=len, reverse=True)
    )
    anywhere = "".join(f"|{re.escape(sign)}" for sign in signs.split())
    return re.compile(rf"(?<![^\W\d_])(?:{whole})(?![^\W\d_]){anywhere}", re.IGNORECASE)


NOW = _any(
    "now, wir haben, current, currently, today, today's, today’s, at present, right now, it's currently, "
    "timestamp, datetime, clock, generated, updated, refreshed, synced, fetched, as of, conversation "
    "started, session started, started, jetzt, aktuell*, derzeit, derzeitig*, heut*, gerade, es ist, "
    "zeitstempel, erstellt, aktualisiert, stand, nun, maintenant, actuel*, actuellement, "
    "aujourd'hui, aujourd’hui, il est, nous sommes, on est, horodatage, généré, mis à jour, ahora, "
    "actual*, hoy, son las, es la, estamos, generado, actualizado, adesso, attual*, attualmente, "
    "oggi, sono le, odierna, generato, aggiornato, agora, atual*, hoje, são, atualizado, gerado, "
    "сейчас, текущ*, сегодня*, обновлено, создано, теперь, зараз, поточн*, сьогодні, teraz, obecn*, "
    "aktualn*, bieżąc*, dzisiaj, dziś, dzisiejsza, jest godzina, zaktualizowano, şimdi, şu an*, "
    "şimdiki, güncel*, bugün*, geçerli, huidig*, vandaag, momenteel, het is, bijgewerkt, nuvarande, "
    "idag, i dag, klockan är, klokken er, nåværende, nuværende, nyt, nykyinen, tänään, kello on, "
    "nyní, dnes, teď, aktuální, súčasn*, jelenleg*, jelenlegi, acum, astăzi, azi, curent*, τώρα, "
    "τρέχουσα, σήμερα, сега, текуща, днес, bây giờ, hiện tại, hôm nay, bây giờ là, sekarang, saat "
    "ini, hari ini, kini",
    "现在 現在 当前 當前 目前 今天 今日 本日 此刻 更新 生成 지금 현재 오늘 الآن الحالي اليوم עכשיו כעת "
    "היום הנוכחי اکنون امروز الان अभी वर्तमान आज এখন আজ ตอนนี้ ปัจจุบัน วันนี้ ขณะนี้",
)
"""Says that what follows is so at this moment."""

ADJECTIVE = _any(
    "current, aktuell*, derzeitig*, actuel*, actual, actuales, attual*, atual*, текущ*, поточн*, obecn*, "
    "aktualn*, bieżąc*, şimdiki, güncel*, geçerli, huidig*, nuvarande, nåværende, nuværende, nykyinen, "
    "aktuální, súčasn*, curent*, τρέχουσα, текуща"
)
"""Of these, those that say it of the noun that follows: a current record is no clock."""

TODAY = _any(
    "today, today's, today’s, heute, heutiges, aujourd'hui, aujourd’hui, hoy, oggi, hoje, сегодня, "
    "dziś, dzisiaj, bugün, vandaag, idag, i dag, tänään, dnes, azi, astăzi, σήμερα, сьогодні, hôm "
    "nay, hari ini",
    "今天 今日 本日 오늘 اليوم היום امروز आज วันนี้",
)
"""Of these, those that go with a date alone."""

BARE = _any(
    "uhrzeit, date, time, date and time, date & time, time and date, local time, server time, system time, "
    "day, weekday, ts, epoch, utc, datum, zeit, wochentag, tag, heure, date et heure, jour, fecha, "
    "hora, fecha y hora, día, ora, data, data e ora, giorno, orario, data e hora, dia, дата, время, "
    "дата и время, день, час, czas, godzina, data i godzina, dzień, tarih, saat, zaman, gün, tijd, "
    "datum en tijd, dag, tid, dato, klockan, aika, päivämäärä, kello, čas, dátum, idő, dată, ώρα, "
    "ημερομηνία, ngày, giờ, thời gian, tanggal, waktu, jam",
    "时间 時間 日期 时刻 時刻 日時 日付 星期 날짜 시간 시각 일시 الوقت التاريخ الساعة תאריך השעה שעה "
    "زمان تاریخ ساعت समय दिनांक तारीख সময় তারিখ เวลา วันที่",
)
"""Says the same, but only as a label or at the beginning of a sentence."""

ELSEWHEN = _any(
    "deadline, due, until, till, expir*, valid, validity, appointment, meeting, meet, exam, flight, "
    "depart*, arriv*, open, opens, opening, close, closes, closed, closing, alarm, wake, remind*, "
    "schedul*, born, birth*, found*, released, release, releases, version, cutoff, cut, knowledge, "
    "train, bus, show, start, starts, starting, end, ends, ending, delivery, hearing, interview, "
    "launch*, begin, begins, beginning, event, anniversary, wedding, holiday, vacation, every, each, "
    "daily, weekly, between, before, after, later, earlier, if, when, whenever, unless, once, or, "
    "not, no, never, signed, published, posted, wrote, written, built, died, effective, lunch, "
    "dinner, breakfast, standup, shift, kickoff, check, session begins, runs, booked, booking, "
    "reservation, departure, arrival, eta, target, planned, plan, estimated, example, e.g, eg, "
    "format, frist, termin, sitzung, besprechung, abgabe, fällig, bis, ab, geboren, gegründet, wenn, "
    "falls, oder, täglich, jeden, geöffnet, öffnet, schließt, abfahrt, ankunft, treffen, réunion, "
    "rendez, échéance, limite, jusqu*, né, née, fondé*, si, quand, chaque, ouvre, ferme, départ, "
    "arrivée, expire, examen, reunión, cita, plazo, vence, hasta, nacido, cada, abre, cierra, salida, "
    "llegada, cuando, riunione, appuntamento, scadenza, fino, nato, ogni, apre, chiude, partenza, "
    "arrivo, quando, se, reunião, prazo, até, nascido, fecha às, consulta, встреч*, срок*, совещани*, "
    "до, родил*, кажд*, если, когда, открыт*, рейс, spotkani*, urodz*, każd*, jeśli, otwart*, "
    "toplantı, kadar, doğum, her, eğer, randevu, vergadering, afspraak, tot, geboren, als, elke, "
    "möte, innan, varje",
    "会议 會議 截止 会議 締め切り 締切 期限 まで 到期 之前 每天 每周 毎日 出生 誕生 如果 "
    "예약 회의 마감 까지 매일 출생 만약 اجتماع موعد حتى כל פגישה עד बैठक",
)
"""Says that a date or a clock is of another moment, or only of some day."""

_UNITS = (
    "file, files, message, messages, msg, msgs, token, tokens, char, chars, character, characters, word, "
    "words, memory, memories, note, notes, entry, entries, item, items, task, tasks, todo, todos, "
    "turn, turns, request, requests, call, calls, notification, notifications, email, emails, mail, "
    "mails, commit, commits, change, changes, tab, tabs, window, windows, process, processes, "
    "document, documents, chunk, chunks, step, iteration, iterations, error, errors, warning, "
    "warnings, user, users, member, members, session, sessions, conversation, conversations, chat, "
    "chats, event, events, record, records, result, results, fact, facts, bookmark, bookmarks, "
    "nachrichten, dateien, zeichen, einträge, aufgaben, notizen, fichiers, messages, entrées, tâches, "
    "caractères, mensajes, archivos, entradas, tareas, caracteres, messaggi, file, voci, mensagens, "
    "arquivos, tarefas, сообщени*, файл*, задач*, токен*, символ*, wiadomości, plików, pliki, mesaj, "
    "dosya, berichten, bestanden, tool calls, insertions, insertion, deletions, deletion, jetons, berichte, "
    "fragmentos, documentos, documents, dokumente, документ*"
)
UNIT = _any(
    _UNITS,
    "条消息 则消息 個訊息 个文件 個檔案 件 メッセージ ファイル トークン 令牌 字符 轮对话 轮 輪 통 개의 메시지 "
    "토큰",
)
"""What is counted."""

STATE = _any(
    "used, left, remaining, remain, remains, free, full, available, open, loaded, indexed, unread, pending, "
    "stored, saved, cached, ago, so far, online, active, running, queued, done, completed, complete, "
    "processed, in total, changed, modified, untracked, staged, uncommitted, you have, there are, there is, "
    "currently, ahead, behind, verwendet, übrig, verbleibend*, frei, ungelesen*, utilisé*, restant*, "
    "lus, non lu*, usad*, restante*, sin leer, libre*, rimanent*, usat*, liber*, non lett*, "
    "bisher, jusqu'ici, hasta ahora, finora, até agora, пока, использовано, осталось, свободно, "
    "непрочитан*, назад, pozostało, użyto, kaldı, kullanıldı, over, "
    "gebruikt, vor, il y a, hace, fa, há, atrás",
    "已用 已使用 剩余 剩餘 未读 未讀 使用済み 残り 未読 남음 사용 前 전",
)
"""Says that a number is so at this moment."""

AGO = _any(
    "ago, vor, il y a, hace, fa, há, atrás, назад, тому, temu, önce, geleden, sedan, siden, sitten, "
    "před",
    "前 전 منذ לפני पहले ที่แล้ว",
)
"""Beside a span of time: how long something is past."""

UP = _any("up, uptime, elapsed, running, idle, since, last seen, laufzeit")
"""In front of a span of time or a size: how long something has been going on."""

TURN = _any("turn, iteration")
"""In front of a number: how far a conversation is."""

STATUS = _any(
    "progress, load average, battery level, akkustand, session duration, conversation duration, "
    "status, uptime, up, elapsed, running, idle, mem, rss, heap, battery, load, usage, "
    "used, left, remaining, available, unread, pending, queue, count, context, context usage, token "
    "usage, tokens used, last seen, cpu, turn, iteration, round, step, attempt, seq, sequence, "
    "revision, fortschritt, laufzeit, akku, progression, batterie, progreso, batería, "
    "progresso, batteria, bateria, прогресс, батарея, postęp, ilerleme, voortgang, working, "
    "compaction, elapsed time, time elapsed, time since last message, conversation length, chat length, "
    "message count, indexing, downloading, downloaded, uploading, uploaded, processing, syncing, scanning, "
    "compiling, building, eta, time remaining, remaining time, schritt, étape, paso, passo, stap, steg, "
    "krok, adım, шаг*, крок*, sitzungsdauer, gesprächsdauer, gesprächslänge, vergangene zeit, verstrichen*, "
    "temps écoulé, écoulé*, durée de la session, tiempo transcurrido, transcurrid*, duración de la sesión, "
    "tempo trascorso, durata della sessione, tempo decorrido, duração da sessão, прошло времени, прошло, "
    "длительность сессии, czas trwania sesji, upłynęło, geçen süre, verstreken tijd, verstreken, sessieduur, "
    + _UNITS,
    "消息 訊息 文件 任务 记忆 进度 進度 進捗 电量 電池 运行时间 稼働時間 经过时间 已用时间 経過時間 步骤 "
    "步驟 第 回目 ステップ 対話 对话 對話 진행률 배터리 단계 경과 대화",
)
"""Labels of what is counted while a conversation goes on."""

HARDWARE = _any("memory, ram, vram, gpu, disk, storage, swap, context, budget, cache")
"""Labels of what is a property, unless a share of it is meant."""

LENGTH = _any("token, tokens, char, chars, character, characters, word, words")
"""Labels of what may be a limit, unless a share of it is meant or more is said beside it."""

LIMIT = _any(
    "max, maximum, min, minimum, limit, limits, at most, at least, up to, exactly, only, no more, "
    "more than, fewer, less, version, port, price, prices, cost, costs, usd, eur, euro, euros, "
    "dollar, dollars, line, lines, row, rows, column, columns, page, pages, chapter, section, write, "
    "create, use, read, make, keep, send, give, list, generate, produce, within, every, each, "
    "timeout, interval, retry, retries, top, size, width, height, batch, default, required, require, "
    "requires, must, should, need, needs, per, around, about, approximately, wait, sleep, summarize, "
    "summarise, answer, reply, return, split, run, take, takes, set, add, remove, delete, pick, "
    "choose, select, buy, order, discount, tax, vat, rate, score, rating, grade, difficulty, "
    "temperature, threshold, expected, target, goal, allowed, höchstens, mindestens, maximal, "
    "minimal, genau, schreibe, au plus, au moins, écris, écrivez, máximo, mínimo, escribe, massimo, "
    "minimo, scrivi, escreva, не более, не менее, напиши, maksimum, minimum, schrijf",
    "最多 至少 最大 最小 価格 价格 $ € £ ¥ ₹ ₽ ₩ 元 円 원 <= >= ≤ ≥",
)
"""Says that a number is a setting, a task or a price."""

USAGE = _any(
    "token, tokens, context, usage, compaction",
    "токен* 令牌 トークン 토큰",
)
"""What a client says of the model's own context."""

WRITTEN = _any(
    "generated, updated, refreshed, synced, fetched, started, as of, stand, erstellt, aktualisiert, "
    "généré, mis à jour, generado, actualizado, generato, aggiornato, atualizado, gerado, обновлено, "
    "создано, zaktualizowano, bijgewerkt",
    "更新 生成",
)
"""Of the words for now, those that a document says of itself, too."""

SESSION = _any(
    "session, request, message, msg, conversation, conv, chat, thread, trace, span, turn, run, "
    "correlation, interaction, invocation, nonce, pid, reply to, sender"
)
"""Labels of the ids that only a client gives."""

IDENTITY = _any(
    "id, ids, session, request, message, msg, trace, span, conversation, conv, chat, thread, run, "
    "turn, correlation, event, interaction, invocation, execution, reply to, sender, nonce, uuid, "
    "guid, pid, cache buster, key, full, commit, hash, sha, rev, revision, head, build, tmp, temp, "
    "sandbox, container, workspace, workdir, scratch, scratchpad, checkpoint, snapshot, instance, "
    "etag, salt, seed, sitzung, sesión, sessão, sessione, сессия",
    "会话 會話 セッション 세션",
)
"""Labels of ids."""

FILLING = _any(
    "von, sur, z, из, the, is, are, a, an, of, on, in, at, it, and, to, for, utc, gmt, local, system, server, "
    "user, users, user's, info, am, pm, a.m, p.m, last, new, your, der, die, das, den, ist, und, um, uhr, "
    "le, la, les, l, du, s, et, à, est, el, y, las, a las, es, il, e, è, ore, alle, o, os, às, de, di, da, "
    "del, w, i, в, и, г, jest, ve, het, en, om, van, är, och, kl, klo, on, er, og, days, mon, zone, "
    "tz, timezone, time zone, environment, runtime, total",
    "是 为 為 の は です 数 數 总 共 번째 는 은 입니다 이다 هو و",
)
"""What may stand between these words in a line that no human has written."""
