//! Code with and without defects, for the tests of the rules.

use super::language::Language::{
    self, C, CSharp, Config, Go, Java, JavaScript, Kotlin, Markup, Php, Python, Ruby, Rust, Shell,
};

/// Code in which exactly one kind of defect is found.
pub(super) const DEFECTS: &[(Language, &str, &str)] = &[
    // secrets
    (
        Config,
        "code.vuln.hardcoded_secret",
        concat!("key = AKI", "AQ7ZX5PLMN2RWT4KD"),
    ),
    (
        Shell,
        "code.vuln.hardcoded_secret",
        concat!(
            "git clone https://gh",
            "p_a8Kd03LmZq9XvR2tYw7Bn5CjE1HsUf4GpTxQ@github.com/a/b"
        ),
    ),
    (
        JavaScript,
        "code.vuln.hardcoded_secret",
        concat!("const slack = 'xo", "xb-81726354-kQmzWvXrTs'"),
    ),
    (
        Python,
        "code.vuln.hardcoded_secret",
        concat!("stripe = 'sk_", "live_9aQ2mX7tLw4VbZ8k'"),
    ),
    (
        Python,
        "code.vuln.hardcoded_secret",
        concat!("client = Client('sk", "-ant-q8Zt5Lw2Xv9Rm4Kd7Bn3Yc6H')"),
    ),
    (
        Go,
        "code.vuln.hardcoded_secret",
        concat!(
            "var pem = `-----BEGIN RSA PRIV",
            "ATE KEY-----\nMIIEowIBAAKCAQEA7vXq2ZbN8y`"
        ),
    ),
    (
        JavaScript,
        "code.vuln.hardcoded_secret",
        concat!(
            "fetch(u, {headers: {A: 'eyJhbGciOiJIUzI1NiIsInR5.",
            "eyJzdWIiOiIxMjM0NTY3ODkw.c2lnbmF0dXJlLW9mLXRoaXM'}})"
        ),
    ),
    (
        Config,
        "code.vuln.hardcoded_secret",
        "url: postgres://svc:Nord-Wind-77@db.internal/app",
    ),
    (
        Rust,
        "code.vuln.hardcoded_secret",
        "const SIGNING_KEY: &str = \"p9Xw2Vt7Lq4Zb8Kd3Rm6\";",
    ),
    (
        Java,
        "code.vuln.hardcoded_secret",
        "private String dbPassword = \"Herbst!2024\";",
    ),
    // tokens
    (
        Python,
        "code.vuln.aud_check_missing",
        "claims = jwt.decode(token, key, algorithms=['RS256'])",
    ),
    (
        Python,
        "code.vuln.aud_check_missing",
        "options = {'verify_aud': False}",
    ),
    (
        JavaScript,
        "code.vuln.aud_check_missing",
        "const claims = jwt.verify(token, key, { algorithms: ['RS256'] });",
    ),
    (
        Go,
        "code.vuln.aud_check_missing",
        "token, err := jwt.Parse(raw, keyFunc)\nif err != nil {\n\treturn err\n}",
    ),
    (
        Java,
        "code.vuln.aud_check_missing",
        "Claims c = Jwts.parserBuilder().setSigningKey(key).build().parseClaimsJws(t).getBody();",
    ),
    (CSharp, "code.vuln.aud_check_missing", "ValidateAudience = false,"),
    (
        Php,
        "code.vuln.aud_check_missing",
        "$claims = JWT::decode($raw, $key);",
    ),
    (
        Python,
        "code.vuln.token_signature_unverified",
        "jwt.decode(raw, options={'verify_signature': False})",
    ),
    (
        Python,
        "code.vuln.token_signature_unverified",
        "settings = Settings(algorithms=['none'])",
    ),
    (
        Go,
        "code.vuln.token_signature_unverified",
        "token, _, err := parser.ParseUnverified(raw, claims)",
    ),
    (
        JavaScript,
        "code.vuln.token_signature_unverified",
        "const user = jwt.decode(raw).sub;",
    ),
    (
        Rust,
        "code.vuln.token_signature_unverified",
        "validation.insecure_disable_signature_validation();",
    ),
    // access
    (
        Python,
        "code.vuln.authz_missing",
        "@app.post('/admin/users')\ndef create(user: int):\n    return store(user)",
    ),
    (
        JavaScript,
        "code.vuln.authz_missing",
        "app.post('/admin/flags', async (req, res) => {\n  await flags.set(1);\n});",
    ),
    (
        Java,
        "code.vuln.authz_missing",
        "@PostMapping(\"/admin/reindex\")\npublic void reindex() {\n  index.rebuild();\n}",
    ),
    (
        Python,
        "code.vuln.csrf_disabled",
        "@csrf_exempt\ndef pay(request):\n    return charge()",
    ),
    (Java, "code.vuln.csrf_disabled", "http.csrf().disable();"),
    (Python, "code.vuln.assert_as_check", "assert user.is_admin, 'no'"),
    // sql
    (
        Python,
        "code.vuln.sql_injection",
        "db.execute(f\"SELECT * FROM users WHERE name = '{name}'\")",
    ),
    (
        Python,
        "code.vuln.sql_injection",
        "cursor.execute(\"DELETE FROM users WHERE id = %s\" % user_id)",
    ),
    (
        JavaScript,
        "code.vuln.sql_injection",
        "db.query(`SELECT * FROM users WHERE id = ${id}`);",
    ),
    (
        Java,
        "code.vuln.sql_injection",
        "st.executeQuery(\"SELECT * FROM users WHERE name = '\" + name + \"'\");",
    ),
    (
        CSharp,
        "code.vuln.sql_injection",
        "var q = $\"SELECT * FROM Users WHERE Name = '{name}'\";",
    ),
    (
        Kotlin,
        "code.vuln.sql_injection",
        "db.rawQuery(\"SELECT * FROM users WHERE id = $id\", null)",
    ),
    (
        Go,
        "code.vuln.sql_injection",
        "q := fmt.Sprintf(\"SELECT * FROM users WHERE name = '%s'\", name)",
    ),
    (
        Rust,
        "code.vuln.sql_injection",
        "let q = format!(\"UPDATE users SET name = '{name}'\");",
    ),
    (
        Php,
        "code.vuln.sql_injection",
        "$db->query(\"SELECT * FROM users WHERE id = $id\");",
    ),
    (
        Ruby,
        "code.vuln.sql_injection",
        "User.where(\"name = '#{name}'\")",
    ),
    // commands
    (
        Python,
        "code.vuln.command_injection",
        "os.system(f'convert {name} out.png')",
    ),
    (Python, "code.vuln.command_injection", "os.system(line)"),
    (
        Python,
        "code.vuln.command_injection",
        "subprocess.run('tar xf ' + name, shell=True)",
    ),
    (
        JavaScript,
        "code.vuln.command_injection",
        "exec(`git clone ${url}`, done);",
    ),
    (
        Java,
        "code.vuln.command_injection",
        "Runtime.getRuntime().exec(\"ping \" + host);",
    ),
    (
        Go,
        "code.vuln.command_injection",
        "cmd := exec.Command(\"sh\", \"-c\", \"ls \"+dir)",
    ),
    (
        Rust,
        "code.vuln.command_injection",
        "Command::new(\"sh\").arg(\"-c\").arg(format!(\"ls {dir}\"));",
    ),
    (Php, "code.vuln.command_injection", "system(\"ping \" . $host);"),
    (Ruby, "code.vuln.command_injection", "system(\"tar xf #{name}\")"),
    (Shell, "code.vuln.command_injection", "eval \"$line\""),
    (Python, "code.vuln.code_injection", "value = eval(expression)"),
    (
        JavaScript,
        "code.vuln.code_injection",
        "const f = new Function(body);",
    ),
    (
        JavaScript,
        "code.vuln.code_injection",
        "vm.runInNewContext(script, box);",
    ),
    (Php, "code.vuln.code_injection", "eval($code);"),
    // markup
    (JavaScript, "code.vuln.xss", "box.innerHTML = message;"),
    (
        JavaScript,
        "code.vuln.xss",
        "<p dangerouslySetInnerHTML={{ __html: body }} />",
    ),
    (JavaScript, "code.vuln.xss", "res.send(`<h1>Hello ${name}</h1>`);"),
    (Python, "code.vuln.xss", "return Markup(f'<b>{name}</b>')"),
    (Python, "code.vuln.xss", "return Markup(request.args['note'])"),
    (Go, "code.vuln.xss", "data.Body = template.HTML(body)"),
    (Php, "code.vuln.xss", "echo $_GET['name'];"),
    (Markup, "code.vuln.xss", "<p>{{ body | safe }}</p>"),
    (
        Python,
        "code.vuln.template_injection",
        "return render_template_string('Hello ' + name)",
    ),
    // paths
    (
        Python,
        "code.vuln.path_traversal",
        "name = request.args['f']\ndata = Path(BASE, name)",
    ),
    (
        JavaScript,
        "code.vuln.path_traversal",
        "const p = path.join(ROOT, req.params.name);",
    ),
    (
        Go,
        "code.vuln.path_traversal",
        "name := r.URL.Query().Get(\"f\")\np := filepath.Join(root, name)",
    ),
    (
        Java,
        "code.vuln.path_traversal",
        "File f = new File(base, request.getParameter(\"f\"));",
    ),
    (
        Php,
        "code.vuln.path_traversal",
        "include($_GET['page'] . '.php');",
    ),
    (
        Ruby,
        "code.vuln.path_traversal",
        "send_file(File.join(root, params[:name]))",
    ),
    (
        Python,
        "code.vuln.path_traversal",
        "with tarfile.open(name) as tar:\n    tar.extractall('/srv')",
    ),
    // requests
    (
        Python,
        "code.vuln.ssrf",
        "url = request.args['u']\nr = httpx.get(url)",
    ),
    (
        JavaScript,
        "code.vuln.ssrf",
        "const r = await fetch(req.query.url);",
    ),
    (
        Go,
        "code.vuln.ssrf",
        "u := r.FormValue(\"u\")\nreq, err := http.NewRequest(\"GET\", u, nil)",
    ),
    (
        Java,
        "code.vuln.ssrf",
        "URL u = new URL(request.getParameter(\"u\"));",
    ),
    (Php, "code.vuln.ssrf", "$c = curl_init($_GET['u']);"),
    (Ruby, "code.vuln.ssrf", "body = URI.open(params[:u]).read"),
    (
        Python,
        "code.vuln.open_redirect",
        "return redirect(request.args['next'])",
    ),
    (
        JavaScript,
        "code.vuln.open_redirect",
        "res.redirect(req.query.next);",
    ),
    (
        Go,
        "code.vuln.open_redirect",
        "http.Redirect(w, r, r.FormValue(\"next\"), 302)",
    ),
    // deserialisation
    (
        Python,
        "code.vuln.unsafe_deserialisation",
        "job = pickle.loads(message)",
    ),
    (
        Python,
        "code.vuln.unsafe_deserialisation",
        "job = pickle.load(stream)",
    ),
    (
        Python,
        "code.vuln.unsafe_deserialisation",
        "config = yaml.load(text)",
    ),
    (
        Python,
        "code.vuln.unsafe_deserialisation",
        "config = yaml.unsafe_load(text)",
    ),
    (
        Python,
        "code.vuln.unsafe_deserialisation",
        "model = torch.load(path)",
    ),
    (
        Java,
        "code.vuln.unsafe_deserialisation",
        "Object o = new ObjectInputStream(in).readObject();",
    ),
    (
        Java,
        "code.vuln.unsafe_deserialisation",
        "mapper.enableDefaultTyping();",
    ),
    (
        Php,
        "code.vuln.unsafe_deserialisation",
        "$o = unserialize($data);",
    ),
    (Ruby, "code.vuln.unsafe_deserialisation", "o = Marshal.load(data)"),
    (
        JavaScript,
        "code.vuln.unsafe_deserialisation",
        "const o = serialize.unserialize(data);",
    ),
    (
        JavaScript,
        "code.vuln.unsafe_deserialisation",
        "yaml.load(text, { schema: yaml.DEFAULT_FULL_SCHEMA })",
    ),
    (
        CSharp,
        "code.vuln.unsafe_deserialisation",
        "var f = new BinaryFormatter();",
    ),
    (
        Python,
        "code.vuln.xxe",
        "parser = etree.XMLParser(resolve_entities=True)",
    ),
    (
        Java,
        "code.vuln.xxe",
        "var f = DocumentBuilderFactory.newInstance();\nvar b = f.newDocumentBuilder();",
    ),
    // transport
    (
        Python,
        "code.vuln.tls_verification_disabled",
        "r = requests.get(url, verify=False, timeout=5)",
    ),
    (
        Python,
        "code.vuln.tls_verification_disabled",
        "context = ssl._create_unverified_context()",
    ),
    (
        JavaScript,
        "code.vuln.tls_verification_disabled",
        "const agent = new https.Agent({ rejectUnauthorized: false });",
    ),
    (
        Go,
        "code.vuln.tls_verification_disabled",
        "cfg := &tls.Config{InsecureSkipVerify: true}",
    ),
    (
        Rust,
        "code.vuln.tls_verification_disabled",
        "builder.danger_accept_invalid_certs(true)",
    ),
    (
        Rust,
        "code.vuln.tls_verification_disabled",
        "config.dangerous().set_certificate_verifier(v);",
    ),
    (
        Java,
        "code.vuln.tls_verification_disabled",
        "c.setHostnameVerifier((h, s) -> true);",
    ),
    (
        CSharp,
        "code.vuln.tls_verification_disabled",
        "h.ServerCertificateCustomValidationCallback = (a, b, c, d) => true;",
    ),
    (
        Php,
        "code.vuln.tls_verification_disabled",
        "curl_setopt($c, CURLOPT_SSL_VERIFYPEER, false);",
    ),
    (
        Ruby,
        "code.vuln.tls_verification_disabled",
        "http.verify_mode = OpenSSL::SSL::VERIFY_NONE",
    ),
    (
        Shell,
        "code.vuln.tls_verification_disabled",
        "curl -sk https://internal/health",
    ),
    (
        Shell,
        "code.vuln.host_key_unverified",
        "ssh -o StrictHostKeyChecking=no host",
    ),
    // cryptography
    (
        Python,
        "code.vuln.weak_hash",
        "def store(password):\n    return hashlib.md5(password.encode())",
    ),
    (
        Python,
        "code.vuln.weak_hash",
        "token = hashlib.sha1(seed).hexdigest()",
    ),
    (
        JavaScript,
        "code.vuln.weak_hash",
        "const token = crypto.createHash('md5').update(x);",
    ),
    (
        Java,
        "code.vuln.weak_hash",
        "// signature\nvar d = MessageDigest.getInstance(\"SHA-1\");\nbyte[] signature = d.digest();",
    ),
    (Go, "code.vuln.weak_hash", "token := md5.Sum([]byte(seed))"),
    (Php, "code.vuln.weak_hash", "$h = md5($password);"),
    (
        Ruby,
        "code.vuln.weak_hash",
        "token = Digest::SHA1.hexdigest(seed)",
    ),
    (Python, "code.vuln.weak_cipher", "c = AES.new(key, AES.MODE_ECB)"),
    (
        Java,
        "code.vuln.weak_cipher",
        "Cipher c = Cipher.getInstance(\"AES/ECB/PKCS5Padding\");",
    ),
    (
        JavaScript,
        "code.vuln.weak_cipher",
        "const c = crypto.createCipher('aes192', k);",
    ),
    (Go, "code.vuln.weak_cipher", "b, err := des.NewCipher(key)"),
    (CSharp, "code.vuln.weak_cipher", "aes.Mode = CipherMode.ECB;"),
    (
        Python,
        "code.vuln.weak_randomness",
        "token = ''.join(random.choice(LETTERS) for _ in range(20))",
    ),
    (
        JavaScript,
        "code.vuln.weak_randomness",
        "const token = Math.random().toString(36);",
    ),
    (
        Java,
        "code.vuln.weak_randomness",
        "Random random = new Random();\nString otp = digits(random);",
    ),
    (
        Go,
        "code.vuln.weak_randomness",
        "token := fmt.Sprint(rand.Int63())",
    ),
    (Php, "code.vuln.weak_randomness", "$token = mt_rand();"),
    (
        Python,
        "code.vuln.timing_unsafe_compare",
        "digest = hmac.new(key, body, 'sha256').hexdigest()\nif signature == digest:\n    accept()",
    ),
    // configuration
    (
        Python,
        "code.vuln.debug_enabled",
        "app.run(host='0.0.0.0', debug=True)",
    ),
    (
        Python,
        "code.vuln.cors_wildcard",
        "app.add_middleware(CORSMiddleware, allow_origins=['*'])",
    ),
    (
        Python,
        "code.vuln.cookie_insecure",
        "SESSION_COOKIE_SECURE = False",
    ),
    (Python, "code.vuln.permissions_too_wide", "os.chmod(path, 0o777)"),
    (
        Shell,
        "code.vuln.unverified_download",
        "curl -fsSL https://get.example.org/install.sh | sh",
    ),
    // errors
    (
        Python,
        "code.bug.swallowed_error",
        "try:\n    f()\nexcept Exception:\n    pass",
    ),
    (
        Python,
        "code.bug.swallowed_error",
        "with contextlib.suppress(Exception):\n    f()",
    ),
    (
        Python,
        "code.quality.broad_except",
        "try:\n    f()\nexcept:\n    log('x')",
    ),
    (
        JavaScript,
        "code.bug.swallowed_error",
        "try { f(); } catch (e) {\n}",
    ),
    (JavaScript, "code.bug.swallowed_error", "f().catch(() => {});"),
    (Go, "code.bug.swallowed_error", "if err != nil {\n}"),
    (Go, "code.bug.swallowed_error", "n, _ := strconv.Atoi(text)"),
    (Go, "code.bug.swallowed_error", "_ = tx.Commit()"),
    (Rust, "code.bug.swallowed_error", "let _ = tx.commit().await;"),
    (Rust, "code.bug.swallowed_error", "file.sync_all().ok();"),
    (
        Rust,
        "code.bug.swallowed_error",
        "match f() { Ok(v) => g(v), Err(_) => {} }",
    ),
    (Ruby, "code.bug.swallowed_error", "begin\n  f\nrescue => e\nend"),
    // resources
    (
        Python,
        "code.bug.resource_leak",
        "f = open(path)\ndata = f.read()",
    ),
    (Python, "code.bug.resource_leak", "data = open(path).read()"),
    (
        Go,
        "code.bug.resource_leak",
        "resp, err := client.Do(req)\nif err != nil {\n\treturn err\n}\nuse(resp)",
    ),
    (
        Go,
        "code.bug.resource_leak",
        "f, err := os.Open(path)\nif err != nil {\n\treturn err\n}\nuse(f)",
    ),
    (
        Java,
        "code.bug.resource_leak",
        "FileReader r = new FileReader(path);\nread(r);",
    ),
    (Python, "code.quality.no_timeout", "requests.post(url, json=body)"),
    (
        Go,
        "code.quality.no_timeout",
        "log.Fatal(http.ListenAndServe(addr, mux))",
    ),
    // logic
    (
        Java,
        "code.bug.off_by_one",
        "for (int i = 0; i <= items.size(); i++) {\n  use(items.get(i));\n}",
    ),
    (
        Go,
        "code.bug.off_by_one",
        "for i := 0; i <= len(items); i++ {\n\tuse(items[i])\n}",
    ),
    (
        Rust,
        "code.bug.off_by_one",
        "for i in 0..=items.len() {\n    use_it(items[i]);\n}",
    ),
    (
        Python,
        "code.bug.off_by_one",
        "for i in range(len(items) + 1):\n    use(items[i])",
    ),
    (
        Rust,
        "code.bug.panic_on_request",
        "async fn show(req: HttpRequest) -> HttpResponse {\n    let id: u64 = req.match_info().get(\"id\").unwrap();\n}",
    ),
    (
        Rust,
        "code.bug.panic_on_request",
        "async fn take(body: Bytes) -> impl IntoResponse {\n    let v: Order = serde_json::from_slice(&body).unwrap();\n}",
    ),
    (
        Python,
        "code.bug.mutable_default",
        "def add(item, items=[]):\n    items.append(item)",
    ),
    (Python, "code.bug.identity_compare", "if name is 'root':\n    f()"),
    (
        JavaScript,
        "code.bug.assignment_in_condition",
        "if (admin = true) { open(); }",
    ),
    (C, "code.vuln.unbounded_copy", "strcpy(name, input);"),
    // debugging
    (Python, "code.quality.debug_leftover", "breakpoint()"),
    (JavaScript, "code.quality.debug_leftover", "  debugger;"),
    (
        JavaScript,
        "code.quality.debug_leftover",
        "console.log('here', x);",
    ),
    (Rust, "code.quality.debug_leftover", "dbg!(x);"),
    (Php, "code.quality.debug_leftover", "var_dump($x);"),
    (Ruby, "code.quality.debug_leftover", "binding.pry"),
    (Java, "code.quality.debug_leftover", "e.printStackTrace();"),
    (
        Python,
        "code.vuln.secret_logged",
        "logger.info('login %s %s', user, password)",
    ),
    (Python, "code.vuln.secret_logged", "print(f'got {access_token}')"),
    (Rust, "code.vuln.secret_logged", "info!(\"got {token}\");"),
    (
        Go,
        "code.quality.security_todo",
        "// FIXME: check the signature first",
    ),
];

/// Code in which nothing is found: the right way to do what the samples above do wrong, and what only looks like it.
pub(super) const CLEAN: &[(Language, &str)] = &[
    (
        Python,
        "API_KEY = os.environ['API_KEY']\npassword = getpass()\nsecret_name = 'prod/orders/2024-a1b2c3d4'\ntoken = 'access_token'",
    ),
    (
        Config,
        "password: ${DB_PASSWORD}\nurl: postgres://user:password@localhost/app\naws_access_key_id = AKIAIOSFODNN7EXAMPLE",
    ),
    (
        JavaScript,
        "const apiKey = process.env.API_KEY;\nconst TOKEN_URL = 'https://id.internal/oauth2/v1/token';",
    ),
    (
        Python,
        "claims = jwt.decode(\n    token,\n    key,\n    algorithms=['RS256'],\n    audience=settings.audience,\n)",
    ),
    (
        Python,
        "claims = jwt.decode(token, key)\nif claims['aud'] != ME:\n    raise Denied()",
    ),
    (
        JavaScript,
        "const claims = jwt.verify(token, key, { algorithms: ['RS256'], audience: 'orders' });",
    ),
    (
        Go,
        "token, err := jwt.Parse(raw, keyFunc, jwt.WithAudience(audience))",
    ),
    (
        Python,
        "@app.post('/admin/users')\n@requires('admin')\ndef create(user: int):\n    return store(user)",
    ),
    (
        JavaScript,
        "app.post('/admin/flags', requireAdmin, async (req, res) => {});",
    ),
    (
        Python,
        "db.execute('SELECT * FROM users WHERE name = %s', (name,))\nmessage = f'Select one from {choices}'",
    ),
    (
        Python,
        "db.execute(f'SELECT * FROM {TABLE} WHERE id = %s', (id,))\nraise ValueError(f'could not insert into {name}')",
    ),
    (
        JavaScript,
        "const rows = await sql`SELECT * FROM users WHERE id = ${id}`;\ndb.query('SELECT * FROM users WHERE id = $1', [id]);",
    ),
    (
        Go,
        "rows, err := db.QueryContext(ctx, \"SELECT id FROM users WHERE name = $1\", name)\ndefer rows.Close()",
    ),
    (
        Python,
        "subprocess.run(['tar', 'xf', name], check=True)\nos.system('clear')\nmodel.eval()\nvalue = ast.literal_eval(text)",
    ),
    (
        JavaScript,
        "execFile('git', ['clone', url]);\nconst match = /a/.exec(`x${y}`);\nbox.textContent = message;\nbox.innerHTML = '';",
    ),
    (
        Php,
        "system('ls ' . escapeshellarg($dir));\necho htmlspecialchars($_GET['name']);",
    ),
    (
        Python,
        "name = secure_filename(request.args['f'])\nopen(os.path.join(BASE, name), 'rb').close()",
    ),
    (
        Python,
        "page = int(request.args['page'])\nwith open(f'/srv/pages/{page}.txt') as page_file:\n    return page_file.read()",
    ),
    (
        Python,
        "url = request.args['u']\nif url not in ALLOWED:\n    abort(400)\nreturn httpx.get(url, timeout=5)",
    ),
    (
        JavaScript,
        "const r = await fetch(`${BASE_URL}/orders`);\nres.redirect('/login');",
    ),
    (
        Python,
        "config = yaml.safe_load(text)\nother = yaml.load(text, Loader=yaml.SafeLoader)\nmodel = torch.load(path, weights_only=True)\njob = json.loads(message)",
    ),
    (
        Java,
        "try (var in = new FileInputStream(path)) {\n  use(in);\n} catch (IOException e) {\n  throw new UncheckedIOException(e);\n}",
    ),
    (
        Python,
        "r = requests.get(url, verify=BUNDLE, timeout=5)\ncontext = ssl.create_default_context()",
    ),
    (Go, "cfg := &tls.Config{MinVersion: tls.VersionTLS13}"),
    (
        Shell,
        "curl -fsSL https://example.org/health\nmkdir -p \"$dir\" && chmod 750 \"$dir\"",
    ),
    (
        Python,
        "etag = hashlib.md5(body, usedforsecurity=False).hexdigest()\ntoken = secrets.token_urlsafe(32)",
    ),
    (
        Python,
        "delay = base * random.uniform(0.5, 1.0)\ncolor = random.choice(COLORS)",
    ),
    (JavaScript, "const jitter = Math.random() * 100;"),
    (
        Python,
        "signature = hmac.new(key, body, 'sha256').digest()\nif hmac.compare_digest(signature, sent):\n    accept()",
    ),
    (
        Python,
        "try:\n    f()\nexcept Exception:\n    pass  # the cache is only a hint\n\ntry:\n    g()\nexcept KeyError:\n    pass\n\ntry:\n    h()\nexcept:\n    undo()\n    raise",
    ),
    (
        JavaScript,
        "try { f(); } catch (e) { log.warn(e); }\ng().catch((error) => report(error));",
    ),
    (
        Go,
        "n, err := strconv.Atoi(text)\nif err != nil {\n\treturn fmt.Errorf(\"port: %w\", err)\n}",
    ),
    (
        Rust,
        "let _ = sender.send(value);\nlet _ = write!(text, \"{x}\");\nlet _guard = lock.lock();\ntx.commit().await?;",
    ),
    (Python, "with open(path) as f:\n    data = f.read()"),
    (
        Go,
        "resp, err := client.Do(req)\nif err != nil {\n\treturn err\n}\ndefer resp.Body.Close()",
    ),
    (
        Java,
        "for (int i = 0; i < items.size(); i++) {\n  use(items.get(i));\n}\nfor (int i = 1; i <= n; i++) {\n  sum += i;\n}",
    ),
    (
        Rust,
        "for i in 0..items.len() {\n    use_it(items[i]);\n}\nlet port: u16 = DEFAULT.parse().unwrap();",
    ),
    (
        Rust,
        "async fn show(req: HttpRequest) -> Result<HttpResponse, Error> {\n    let id: u64 = req.match_info().get(\"id\").ok_or(NotFound)?.parse()?;\n    Ok(done(id))\n}",
    ),
    (
        Rust,
        "#[cfg(test)]\nmod tests {\n    fn f(req: HttpRequest) {\n        dbg!(req.query().unwrap());\n    }\n}",
    ),
    (
        Python,
        "def add(item, items=None):\n    items = [] if items is None else items\n    return [*items, item]",
    ),
    (
        Python,
        "def f():\n    \"\"\"Call eval(x) or os.system(x); jwt.decode(t) is 0.\n\n    TODO is a word.\n    \"\"\"\n    return 'pickle.loads(x)'  # never pickle.loads(y)",
    ),
    (
        Python,
        "logger.info('token expired')\nlogger.info('used %d', max_tokens)\nprint(prompt, password_field)",
    ),
    (Rust, "info!(tokens = usage.tokens, \"spent\");"),
    (Go, "// TODO: make the page size configurable"),
    (C, "snprintf(name, sizeof(name), \"%s\", input);"),
    (Ruby, "begin\n  f\nrescue Timeout::Error => e\n  retry\nend"),
];
