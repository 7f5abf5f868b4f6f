//! What the attribute stands on, read only as far as the macro needs it.
//!
//! Bodies are never parsed: they are kept as one brace group and handed on token by token. A body that is being typed
//! therefore expands like any other, so that editors go on completing inside it, and syntax newer than the parser is no
//! obstacle. For the same reason a block is cut into its members here instead of being parsed as a whole, and a member that
//! cannot be read is handed on for the compiler to judge.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::buffer::Cursor;
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser, StepCursor};
use syn::{Abi, Attribute, ItemImpl, Signature, Token, Type, Visibility, token};

/// An item under the attribute.
pub(crate) enum Item {
    /// A free function or a method.
    Function(Box<Function>),
    /// An `impl` block, a trait definition or a module.
    Block(Box<Block>),
    /// Something that cannot be monitored.
    Other(Other),
}

/// A function with a body.
pub(crate) struct Function {
    /// The outer attributes, in order.
    pub(crate) attrs: Vec<Attribute>,
    /// `pub` and its kin.
    pub(crate) vis: Visibility,
    /// `default`, of an unstable specialised method.
    pub(crate) defaultness: Option<Token![default]>,
    /// From `const` to the `where` clause.
    pub(crate) sig: Signature,
    /// The attributes `#![...]` at the start of the body.
    pub(crate) inner_attrs: Vec<Attribute>,
    /// The body without them, in its braces.
    pub(crate) body: Group,
}

/// An item that holds functions.
pub(crate) struct Block {
    /// What it is.
    pub(crate) kind: BlockKind,
    /// The outer attributes, in order.
    pub(crate) attrs: Vec<Attribute>,
    /// Everything between them and the braces.
    pub(crate) header: TokenStream,
    /// The attributes `#![...]` at its start.
    pub(crate) inner_attrs: Vec<Attribute>,
    /// What it holds, in order.
    pub(crate) members: Vec<Member>,
    /// Where its braces are.
    pub(crate) braces: Span,
}

/// The items that hold functions.
pub(crate) enum BlockKind {
    /// `impl Type` or `impl Trait for Type`, with the type.
    Impl(Box<Type>),
    /// `trait Name`
    Trait(Ident),
    /// `mod name`
    Module(Ident),
}

/// One member of a block.
pub(crate) enum Member {
    /// A function with a body.
    Function(Box<Function>),
    /// A block inside a module.
    Block(Box<Block>),
    /// A constant, a type, a macro call or something newer; none of the macro's business.
    Other(TokenStream),
}

/// An item that the attribute cannot do anything for.
pub(crate) struct Other {
    /// All of it.
    pub(crate) tokens: TokenStream,
    /// The word that says what it is.
    pub(crate) place: Span,
    /// What it is.
    pub(crate) kind: &'static str,
}

impl Item {
    /// Reads an item.
    ///
    /// # Errors
    ///
    /// If the item has the form of a function or of a block, but its signature or header cannot be read.
    pub(crate) fn parse(tokens: TokenStream) -> syn::Result<Self> {
        let tokens = ungrouped(tokens);
        let (attrs, rest) = split_attributes.parse2(tokens.clone())?;
        let rest = ungrouped(rest);
        let (kind, place) = Kind::of(&rest);
        match kind {
            Kind::Function => {
                let parse = |input: ParseStream| Function::parse(attrs, input);
                Ok(match parse.parse2(rest)? {
                    Some(function) => Self::Function(Box::new(function)),
                    None => Self::Other(Other { tokens, place, kind: "a function without a body" }),
                })
            }
            Kind::Block(without_braces) => Ok(match Block::parse(attrs, rest)? {
                Some(block) => Self::Block(Box::new(block)),
                None => Self::Other(Other { tokens, place, kind: without_braces }),
            }),
            Kind::Other(kind) => Ok(Self::Other(Other { tokens, place, kind })),
        }
    }
}

impl Function {
    /// Reads a function after its attributes. `None` if it has no body.
    fn parse(attrs: Vec<Attribute>, input: ParseStream) -> syn::Result<Option<Self>> {
        let vis = input.parse()?;
        let defaultness = input.parse()?;
        let sig = input.parse()?;
        if !input.peek(token::Brace) {
            input.parse::<Option<Token![;]>>()?;
            return Ok(None);
        }
        let (inner_attrs, body) = open_body(input.step(brace_group)?)?;
        Ok(Some(Self { attrs, vis, defaultness, sig, inner_attrs, body }))
    }

    /// The function's name as text, without `r#`.
    pub(crate) fn plain_name(&self) -> String {
        self.sig.ident.unraw().to_string()
    }

    /// Whether an attribute of that name is there: as it is, inside `#[unsafe(...)]`, or on a condition that cannot be
    /// evaluated here, inside `#[cfg_attr(...)]`.
    pub(crate) fn may_have_attribute(&self, name: &str) -> bool {
        self.attrs.iter().any(|attr| {
            let wraps = attr.path().is_ident("unsafe") || attr.path().is_ident("cfg_attr");
            attr.path().is_ident(name) || (wraps && contains_word(attr.meta.to_token_stream(), name))
        })
    }
}

/// As it was written, less the attributes that were taken from it.
impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.head_to_tokens(tokens);
        let mut content = TokenStream::new();
        append(&mut content, &self.inner_attrs);
        content.extend(self.body.stream());
        braced(content, self.body.span()).to_tokens(tokens);
    }
}

impl Function {
    /// Everything before the body.
    pub(crate) fn head_to_tokens(&self, tokens: &mut TokenStream) {
        append(tokens, &self.attrs);
        self.vis.to_tokens(tokens);
        self.defaultness.to_tokens(tokens);
        self.sig.to_tokens(tokens);
    }
}

impl Block {
    /// Reads a block after its attributes. `None` if it has no braces.
    fn parse(attrs: Vec<Attribute>, tokens: TokenStream) -> syn::Result<Option<Self>> {
        let mut header: Vec<TokenTree> = tokens.into_iter().collect();
        let content = match header.pop() {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => group,
            _ => return Ok(None),
        };
        let kind = BlockKind::of(&header)?;
        let header: TokenStream = header.into_iter().collect();
        let (inner_attrs, content) = open_body(content)?;
        let members = members.parse2(content.stream())?;
        Ok(Some(Self { kind, attrs, header, inner_attrs, members, braces: content.span() }))
    }

    /// Whether it is a module, of whose functions only some are meant.
    pub(crate) fn is_module(&self) -> bool {
        matches!(self.kind, BlockKind::Module(_))
    }

    /// The name by which `only` and `except` of the module around it mean it.
    pub(crate) fn plain_name(&self) -> Option<String> {
        match &self.kind {
            BlockKind::Impl(ty) => match crate::returned::bare(ty) {
                Type::Path(path) => path.path.segments.last().map(|last| last.ident.unraw().to_string()),
                _ => None,
            },
            BlockKind::Trait(name) | BlockKind::Module(name) => Some(name.unraw().to_string()),
        }
    }

    /// The block with `members` in place of its own.
    pub(crate) fn with_members(&self, members: impl IntoIterator<Item = TokenStream>) -> TokenStream {
        let mut content = TokenStream::new();
        append(&mut content, &self.inner_attrs);
        content.extend(members);
        let mut tokens = TokenStream::new();
        append(&mut tokens, &self.attrs);
        self.header.to_tokens(&mut tokens);
        braced(content, self.braces).to_tokens(&mut tokens);
        tokens
    }
}

impl BlockKind {
    /// Tells a block by its header, which is read only as far as needed: the compiler judges the rest.
    fn of(header: &[TokenTree]) -> syn::Result<Self> {
        let mut words = header.iter().filter_map(|token| match token {
            TokenTree::Ident(word) => Some(word),
            _ => None,
        });
        let found = words.find(|word| ["impl", "trait", "mod"].iter().any(|keyword| word == keyword));
        if let (Some(keyword), Some(name)) = (found, words.next()) {
            if keyword == "trait" {
                return Ok(Self::Trait(name.clone()));
            }
            if keyword == "mod" {
                return Ok(Self::Module(name.clone()));
            }
        }
        let parsed: ItemImpl = syn::parse2(with_empty_body(header))?;
        Ok(Self::Impl(parsed.self_ty))
    }
}

/// As it was written, less the attributes that were taken from it.
impl ToTokens for Block {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.with_members(self.members.iter().map(ToTokens::to_token_stream)));
    }
}

impl ToTokens for Member {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Function(function) => function.to_tokens(tokens),
            Self::Block(block) => block.to_tokens(tokens),
            Self::Other(other) => other.to_tokens(tokens),
        }
    }
}

/// As it was written, less the attributes that were taken from it.
impl ToTokens for Item {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Function(function) => function.to_tokens(tokens),
            Self::Block(block) => block.to_tokens(tokens),
            Self::Other(other) => other.tokens.to_tokens(tokens),
        }
    }
}

/// What an item is, told from its first words.
enum Kind {
    Function,
    /// A block, and what to call it if it has no braces.
    Block(&'static str),
    Other(&'static str),
}

impl Kind {
    /// Skips the modifiers; the first other word decides. Its place is given back with it.
    fn of(tokens: &TokenStream) -> (Self, Span) {
        let mut last = None;
        for token in tokens.clone() {
            let place = token.span();
            match &token {
                TokenTree::Ident(word) if is_modifier(word) => last = Some(word.clone()),
                // `pub(crate)`, `extern "C"`, or a visibility that came through another macro.
                TokenTree::Group(group) if group.delimiter() != Delimiter::Brace => {}
                TokenTree::Literal(_) => {}
                TokenTree::Ident(word) => return Self::of_word(word, last.as_ref()),
                TokenTree::Group(_) => {
                    return (Self::Other("an `extern` block"), last.map_or(place, |word| word.span()));
                }
                TokenTree::Punct(_) => break,
            }
        }
        (Self::Other("this"), Span::call_site())
    }

    fn of_word(word: &Ident, modifier: Option<&Ident>) -> (Self, Span) {
        let kind = match word.to_string().as_str() {
            "fn" => Self::Function,
            "impl" => Self::Block("an `impl` without braces"),
            "trait" => Self::Block("a trait alias"),
            "mod" => Self::Block("a module in a file of its own"),
            "struct" => Self::Other("a struct"),
            "enum" => Self::Other("an enum"),
            "union" => Self::Other("a union"),
            "use" => Self::Other("a `use`"),
            "type" => Self::Other("a type alias"),
            "static" => Self::Other("a static"),
            "crate" => Self::Other("an `extern crate`"),
            _ => match modifier {
                Some(modifier) if modifier == "const" => return (Self::Other("a constant"), modifier.span()),
                _ => Self::Other("a macro"),
            },
        };
        (kind, word.span())
    }
}

fn is_modifier(word: &Ident) -> bool {
    ["pub", "default", "const", "async", "unsafe", "safe", "extern", "auto"].iter().any(|modifier| word == modifier)
}

/// Takes off the invisible group around an item that came through another macro as a whole.
fn ungrouped(tokens: TokenStream) -> TokenStream {
    let mut iter = tokens.clone().into_iter();
    match (iter.next(), iter.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => ungrouped(group.stream()),
        _ => tokens,
    }
}

fn split_attributes(input: ParseStream) -> syn::Result<(Vec<Attribute>, TokenStream)> {
    Ok((input.call(Attribute::parse_outer)?, input.parse()?))
}

/// Reads a brace group, also one that came through another macro as a `block`.
fn brace_group<'c>(cursor: StepCursor<'c, '_>) -> syn::Result<(Group, Cursor<'c>)> {
    if let Some((TokenTree::Group(group), rest)) = cursor.token_tree() {
        let mut inside = ungrouped(TokenTree::Group(group).into()).into_iter();
        if let (Some(TokenTree::Group(braces)), None) = (inside.next(), inside.next()) {
            return Ok((braces, rest));
        }
    }
    Err(cursor.error("expected a body in braces"))
}

/// Takes the inner attributes off the start of a body. A body without any is given back untouched.
fn open_body(body: Group) -> syn::Result<(Vec<Attribute>, Group)> {
    let split = |input: ParseStream| Ok((input.call(Attribute::parse_inner)?, input.parse::<TokenStream>()?));
    let (attrs, rest) = split.parse2(body.stream())?;
    let body = if attrs.is_empty() { body } else { braced(rest, body.span()) };
    Ok((attrs, body))
}

fn members(input: ParseStream) -> syn::Result<Vec<Member>> {
    let mut members = Vec::new();
    while !input.is_empty() {
        members.push(member(input)?);
    }
    Ok(members)
}

fn member(input: ParseStream) -> syn::Result<Member> {
    let attrs = input.call(Attribute::parse_outer)?;
    let first = first_words(input);
    if first == Some(Keyword::Fn) {
        let ahead = input.fork();
        if let Ok(Some(function)) = Function::parse(attrs.clone(), &ahead) {
            input.advance_to(&ahead);
            return Ok(Member::Function(Box::new(function)));
        }
    }
    if first == Some(Keyword::Block) {
        let ahead = input.fork();
        let tokens = block_tokens(&ahead)?;
        if let Ok(Some(block)) = Block::parse(attrs.clone(), tokens) {
            input.advance_to(&ahead);
            return Ok(Member::Block(Box::new(block)));
        }
    }
    let mut tokens = TokenStream::new();
    append(&mut tokens, &attrs);
    other_member(input, &mut tokens)?;
    Ok(Member::Other(tokens))
}

/// What the next member is, if it matters.
#[derive(PartialEq, Eq)]
enum Keyword {
    Fn,
    Block,
}

/// What the next member is, as far as its first words tell.
fn first_words(input: ParseStream) -> Option<Keyword> {
    fn skip(input: ParseStream) -> syn::Result<()> {
        input.parse::<Visibility>()?;
        input.parse::<Option<Token![default]>>()?;
        input.parse::<Option<Token![const]>>()?;
        input.parse::<Option<Token![async]>>()?;
        input.parse::<Option<Token![unsafe]>>()?;
        input.parse::<Option<Token![auto]>>()?;
        input.parse::<Option<Abi>>()?;
        Ok(())
    }
    let ahead = input.fork();
    skip(&ahead).ok()?;
    if ahead.peek(Token![fn]) {
        Some(Keyword::Fn)
    } else if ahead.peek(Token![impl]) || ahead.peek(Token![trait]) || ahead.peek(Token![mod]) {
        Some(Keyword::Block)
    } else {
        None
    }
}

/// The tokens of a block: up to the first braces that are no generic argument, or up to a semicolon.
fn block_tokens(input: ParseStream) -> syn::Result<TokenStream> {
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    while !input.is_empty() {
        let token: TokenTree = input.parse()?;
        let is_arrow = tokens.last().is_some_and(|last| is_punct(last, '-') || is_punct(last, '='));
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
            TokenTree::Punct(punct) if punct.as_char() == '>' && !is_arrow => depth = depth.saturating_sub(1),
            _ => {}
        }
        let ends = is_punct(&token, ';')
            || matches!(&token, TokenTree::Group(group) if depth == 0 && group.delimiter() == Delimiter::Brace);
        tokens.push(token);
        if ends {
            break;
        }
    }
    Ok(tokens.into_iter().collect())
}

/// Moves the next member over without looking into it. It ends at a semicolon or, if it is a macro call, at its braces.
fn other_member(input: ParseStream, tokens: &mut TokenStream) -> syn::Result<()> {
    let mut may_be_call = true;
    while !input.is_empty() {
        let token: TokenTree = input.parse()?;
        let ends = match &token {
            TokenTree::Punct(punct) if punct.as_char() == '=' => {
                may_be_call = false;
                false
            }
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Group(group) => may_be_call && group.delimiter() == Delimiter::Brace,
            _ => false,
        };
        token.to_tokens(tokens);
        if ends {
            break;
        }
    }
    Ok(())
}

/// Whether a token is that sign.
pub(crate) fn is_punct(token: &TokenTree, expected: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == expected)
}

/// Whether a word occurs anywhere in the tokens.
pub(crate) fn contains_word(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => contains_word(group.stream(), word),
        _ => false,
    })
}

fn with_empty_body(header: &[TokenTree]) -> TokenStream {
    let body = TokenTree::Group(Group::new(Delimiter::Brace, TokenStream::new()));
    header.iter().cloned().chain([body]).collect()
}

fn append(tokens: &mut TokenStream, attrs: &[Attribute]) {
    tokens.extend(attrs.iter().map(ToTokens::to_token_stream));
}

/// `content` in braces that are at `place`.
pub(crate) fn braced(content: TokenStream, place: Span) -> Group {
    let mut group = Group::new(Delimiter::Brace, content);
    group.set_span(place);
    group
}
