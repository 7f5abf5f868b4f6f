//! What the attribute stands on, read only as far as the macro needs it.
//!
//! Bodies are never parsed: they are kept as one brace group and handed on token by token. A body that is being typed
//! therefore expands like any other, so that editors go on completing inside it, and syntax newer than the parser is no
//! obstacle. For the same reason an `impl` block is cut into its members here instead of being parsed as a whole.

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
    /// An `impl` block.
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

/// An `impl` block.
pub(crate) struct Block {
    /// The outer attributes, in order.
    pub(crate) attrs: Vec<Attribute>,
    /// From `unsafe` or `impl` to the `where` clause.
    pub(crate) header: TokenStream,
    /// The type it is for.
    pub(crate) self_ty: Type,
    /// The attributes `#![...]` at its start.
    pub(crate) inner_attrs: Vec<Attribute>,
    /// What it holds, in order.
    pub(crate) members: Vec<Member>,
    /// Where its braces are.
    pub(crate) braces: Span,
}

/// One member of an `impl` block.
pub(crate) enum Member {
    /// A function with a body.
    Function(Box<Function>),
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
            Kind::Block => Ok(Self::Block(Box::new(Block::parse(attrs, rest)?))),
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
    fn parse(attrs: Vec<Attribute>, tokens: TokenStream) -> syn::Result<Self> {
        let mut header: Vec<TokenTree> = tokens.into_iter().collect();
        let content = match header.pop() {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => group,
            _ => return Err(syn::Error::new(Span::call_site(), "expected an `impl` block with its braces")),
        };
        let header: TokenStream = header.into_iter().collect();
        let parsed: ItemImpl = syn::parse2(with_empty_body(&header))?;
        let (inner_attrs, content) = open_body(content)?;
        Ok(Self {
            attrs,
            header,
            self_ty: *parsed.self_ty,
            inner_attrs,
            members: members.parse2(content.stream())?,
            braces: content.span(),
        })
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

impl ToTokens for Member {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Function(function) => function.to_tokens(tokens),
            Self::Other(other) => other.to_tokens(tokens),
        }
    }
}

/// As it was written, less the attributes that were taken from it.
impl ToTokens for Item {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Function(function) => function.to_tokens(tokens),
            Self::Block(block) => {
                tokens.extend(block.with_members(block.members.iter().map(ToTokens::to_token_stream)));
            }
            Self::Other(other) => other.tokens.to_tokens(tokens),
        }
    }
}

/// What an item is, told from its first words.
enum Kind {
    Function,
    Block,
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
            "impl" => Self::Block,
            "struct" => Self::Other("a struct"),
            "enum" => Self::Other("an enum"),
            "union" => Self::Other("a union"),
            "trait" => Self::Other("a trait definition"),
            "mod" => Self::Other("a module"),
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
    if starts_function(input) {
        let ahead = input.fork();
        if let Some(function) = Function::parse(attrs.clone(), &ahead)? {
            input.advance_to(&ahead);
            return Ok(Member::Function(Box::new(function)));
        }
    }
    let mut tokens = TokenStream::new();
    append(&mut tokens, &attrs);
    other_member(input, &mut tokens)?;
    Ok(Member::Other(tokens))
}

/// Whether the next member is a function, as far as its first words tell.
fn starts_function(input: ParseStream) -> bool {
    fn skip(input: ParseStream) -> syn::Result<()> {
        input.parse::<Visibility>()?;
        input.parse::<Option<Token![default]>>()?;
        input.parse::<Option<Token![const]>>()?;
        input.parse::<Option<Token![async]>>()?;
        input.parse::<Option<Token![unsafe]>>()?;
        input.parse::<Option<Abi>>()?;
        Ok(())
    }
    let ahead = input.fork();
    skip(&ahead).is_ok() && ahead.peek(Token![fn])
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

fn contains_word(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => contains_word(group.stream(), word),
        _ => false,
    })
}

fn with_empty_body(header: &TokenStream) -> TokenStream {
    let mut tokens = header.clone();
    tokens.extend([TokenTree::Group(Group::new(Delimiter::Brace, TokenStream::new()))]);
    tokens
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
