// What a page listens with: the microphone, a file, or a clip of its own; and what it plays. Nothing leaves the page.
(() => {
  const own = (globalThis.EarwitnessNetworks ??= {});
  let context, playing;

  // Any sound that the browser can read, as one channel at `rate`; browsers decode to the rate of the context.
  const decoded = async (buffer, rate) => {
    const sound = await new OfflineAudioContext(1, 1, rate).decodeAudioData(buffer);
    const channels = Array.from({ length: sound.numberOfChannels }, (_, k) => sound.getChannelData(k));
    return Float32Array.from(channels[0], (_, k) => channels.reduce((sum, one) => sum + one[k], 0) / channels.length);
  };

  const record = async (seconds, rate, tell) => {
    if (!navigator.mediaDevices?.getUserMedia) throw new Error("This browser gives pages no microphone.");
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const recorder = new MediaRecorder(stream), parts = [];
    recorder.ondataavailable = (event) => parts.push(event.data);
    const stopped = new Promise((done) => { recorder.onstop = done; });
    try {
      recorder.start();
      for (let passed = 0; passed < seconds; passed += 0.1) {
        tell(passed / seconds);
        await new Promise((done) => setTimeout(done, 100));
      }
      recorder.stop();
      await stopped;
    } finally {
      stream.getTracks().forEach((track) => track.stop());
    }
    return decoded(await new Blob(parts).arrayBuffer(), rate);
  };

  const unpacked = (text, level = 32767) => {             // 16 bits in base64
    const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    return Float32Array.from(new Int16Array(bytes.buffer), (value) => value / level);
  };

  const rms = (samples) => Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
  const peak = (samples) => samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

  // As loud as another sound, as far as full scale allows.
  const matched = (samples, other) => {
    const gain = Math.min(rms(other) / Math.max(rms(samples), 1e-9), 0.98 / Math.max(peak(samples), 1e-9));
    return samples.map((value) => value * gain);
  };

  const stop = () => {
    playing?.source.stop();
    playing = null;
  };
  // Play, telling from 0 to 1 where; at the end null.
  const play = async (samples, rate, tell) => {
    stop();
    context ??= new AudioContext();
    await context.resume();
    const buffer = new AudioBuffer({ length: samples.length, sampleRate: rate });
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(context.destination);
    const own_ = (playing = { source }), began = context.currentTime;
    source.onended = () => { if (playing === own_) playing = null; own_.over = true; tell(null); };
    source.start();
    const follow = () => {
      if (own_.over) return;
      tell(Math.min(1, (context.currentTime - began) / buffer.duration));
      requestAnimationFrame(follow);
    };
    follow();
  };

  own.listen = { decoded, record, unpacked, matched, play, stop, peak, get playing() { return Boolean(playing); } };
})();
